// Does something now and again while the page can be seen.

/** Runs `work`, waits `ms`, and so on; what goes wrong is tried again next time. Never two at once. */
export async function repeat(work, ms) {
  for (;;) {
    if (!document.hidden) await work().catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
}
