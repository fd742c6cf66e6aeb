// Which codecs a recorded file holds, in the words browsers are asked with ("avc1.640028").

const TEXT = new TextDecoder("latin1");
const CONTAINERS = { moov: 8, trak: 8, mdia: 8, minf: 8, stbl: 8, stsd: 16 };
const VIDEO_HEAD = 86;
const SOUND_HEAD = 36;
const hex = (number, digits = 2) => number.toString(16).padStart(digits, "0");

/** "avc1.640028,mp4a.40.2", for the head of a file as an ArrayBuffer; "" when nothing in it is known. */
export function codecsOf(head) {
  const found = [];
  walk(new DataView(head), 0, head.byteLength, found);
  return found.filter(Boolean).join(",");
}

function walk(view, from, to, found) {
  for (const box of boxes(view, from, to)) {
    const inside = CONTAINERS[box.kind];
    if (box.kind === "stsd")
      for (const entry of boxes(view, box.at + inside, box.end)) found.push(codecOf(view, entry));
    else if (inside) walk(view, box.at + inside, box.end, found);
  }
}

function* boxes(view, from, to) {
  for (let at = from; at + 8 <= to;) {
    const size = view.getUint32(at);
    if (size < 8 || at + size > to) return;
    yield { kind: TEXT.decode(new Uint8Array(view.buffer, at + 4, 4)), at, end: at + size };
    at += size;
  }
}

function codecOf(view, entry) {
  const child = (head, kind) => boxes(view, entry.at + head, entry.end).find((box) => box.kind === kind);
  const bytes = (box, from, count) => [...new Uint8Array(view.buffer, box.at + 8 + from, count)];
  switch (entry.kind) {
    case "avc1":
    case "avc3": {
      const box = child(VIDEO_HEAD, "avcC");
      return box
        ? `${entry.kind}.${bytes(box, 1, 3)
            .map((byte) => hex(byte))
            .join("")}`
        : "";
    }
    case "hvc1":
    case "hev1": {
      const box = child(VIDEO_HEAD, "hvcC");
      return box ? hevc(entry.kind, bytes(box, 1, 12)) : "";
    }
    case "av01":
      return "av01.0.08M.08";
    case "vp09":
      return "vp09.00.40.08";
    case "mp4a":
      return sound(view, child(SOUND_HEAD, "esds"));
    case "Opus":
      return "opus";
    case "fLaC":
      return "flac";
    default:
      return "";
  }
}

function hevc(kind, [profile, a, b, c, d, ...rest]) {
  const compatible = [a, b, c, d].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const reversed = Number.parseInt([...compatible].reverse().join(""), 2);
  const level = rest[6];
  return `${kind}.${profile & 31}.${reversed.toString(16)}.${profile & 32 ? "H" : "L"}${level}.B0`;
}

/** AAC unless its descriptor says MP3 (ISO 14496-1, object types 0x69 and 0x6b). */
function sound(view, esds) {
  if (!esds) return "mp4a.40.2";
  const data = [...new Uint8Array(view.buffer, esds.at + 12, esds.end - esds.at - 12)];
  const config = data.indexOf(4);
  const skip = (at) => (data[at] & 128 ? skip(at + 1) : at + 1);
  const type = data[skip(config + 1)];
  return type === 0x69 || type === 0x6b ? `mp4a.${hex(type)}` : "mp4a.40.2";
}
