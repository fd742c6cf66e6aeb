// Looking for words in what a page shows, whatever their case and accents.

export const fold = (text) => text.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "");
