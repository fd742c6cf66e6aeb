// Live video by WebRTC, signalled with WHEP: one offer, one answer, then packets straight from the media server.

import { serverNow } from "./clock.js";
import { Motion } from "./live_motion.js";

const ANSWER_WITHIN_MS = 8000;
const GATHER_WITHIN_MS = 500;
const CONNECT_WITHIN_MS = 4000;
/** From the connection to the first frame: a camera sends a keyframe every few seconds, and none when asked. */
const FIRST_FRAME_WITHIN_MS = 10_000;
const OVER_AFTER_STILL_S = 8;
const MEASURE_EVERY_MS = 2000;
const STEADY_FRAMES = 2;
const LOSS_TOO_MUCH = 0.08;
const LOSSES_IN_A_ROW = 3;
const SOUND_WITHIN_S = 2;
const AT_ONCE_S = 3;
const REFUSED = [401, 403, 410];
const NOT_FOR_WEBRTC = [400, 406, 415, 422];

export class WhepSource {
  quality = "webrtc";
  over = "";
  hasSound = null;
  status = 0;
  #withSound;
  #heard = null;
  #peer = null;
  #session = "";
  #motion = new Motion();
  #startedAt = 0;
  #connectedAt = 0;
  #receivedAt = 0;
  #halfTripMs = 0;
  #bufferedMs = 0;
  #counted = null;
  #lossy = 0;
  #measuring = 0;
  #hangUp = new AbortController();

  constructor(video, url, { withSound = false } = {}) {
    this.video = video;
    this.url = url;
    this.#withSound = withSound;
  }

  static get possible() {
    if (!window.RTCPeerConnection || !("requestVideoFrameCallback" in HTMLVideoElement.prototype)) return false;
    const { codecs } = RTCRtpReceiver.getCapabilities("video") ?? { codecs: [] };
    return codecs.some(({ mimeType }) => mimeType.toLowerCase() === "video/h264");
  }

  start() {
    this.#startedAt = performance.now();
    this.#connect().catch((error) => this.#end(error.name === "AbortError" ? "stopped" : "contact"));
  }

  /** The video is empty afterwards, and the media server is told at once. */
  stop() {
    this.#end("stopped");
    this.#peer?.close();
    this.video.srcObject = null;
  }

  get shows() {
    return this.#motion.moves >= STEADY_FRAMES;
  }

  get hasFrame() {
    return this.shows && this.video.readyState >= 2;
  }

  get movingFor() {
    return this.#motion.movingFor;
  }

  get stillFor() {
    return this.#motion.stillFor;
  }

  /**
   * When the shown frame left the box: when its last packet arrived here, and half a round trip before that. WebRTC
   * carries no date, so what happened before (the camera's own delay) is not in it, as it is not in that of HLS.
   */
  get frameTime() {
    return this.hasFrame ? serverNow() - (performance.now() - this.#receivedAt) - this.#halfTripMs : null;
  }

  get frameAge() {
    const time = this.frameTime;
    return time === null ? null : Math.max(0, (serverNow() - time) / 1000);
  }

  get stale() {
    return this.hasFrame && this.#motion.isStale(this.frameAge);
  }

  get failing() {
    if (this.#peer?.connectionState === "disconnected") return "disconnected";
    if (this.#motion.stuck) return "stuck";
    if (this.#motion.unsteady) return "unsteady";
    return this.#lossy >= LOSSES_IN_A_ROW ? "lossy" : "";
  }

  look() {
    if (this.over) return;
    const now = performance.now();
    this.#listen();
    if (this.shows) {
      if (this.stillFor > OVER_AFTER_STILL_S) this.#end("silent");
      else if (this.video.paused) this.video.play().catch(() => {});
    } else if (this.#connectedAt) {
      if (now - this.#connectedAt > FIRST_FRAME_WITHIN_MS) this.#end("silent");
    } else if (this.#session && now - this.#startedAt > CONNECT_WITHIN_MS) this.#end("ice");
  }

  async #connect() {
    const peer = (this.#peer = new RTCPeerConnection());
    peer.addTransceiver("video", { direction: "recvonly" });
    if (this.#withSound) peer.addTransceiver("audio", { direction: "recvonly" });
    peer.addEventListener("track", (event) => this.#attach(event));
    peer.addEventListener("connectionstatechange", () => this.#follow(peer));
    await peer.setLocalDescription(await peer.createOffer());
    await gathered(peer, this.#hangUp.signal);
    const answer = await this.#ask(peer.localDescription.sdp);
    if (!answer || this.over) return;
    await peer.setRemoteDescription({ type: "answer", sdp: answer });
    this.#measuring = setInterval(() => this.#measure().catch(() => {}), MEASURE_EVERY_MS);
  }

  /** The answer to the offer; null when it was refused, which is understood. */
  async #ask(offer) {
    const response = await fetch(this.url, {
      method: "POST",
      headers: { "Content-Type": "application/sdp", "X-Requested-With": "vmsd" },
      body: offer,
      signal: AbortSignal.any([this.#hangUp.signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
      credentials: "same-origin",
      cache: "no-store",
    });
    this.status = response.status;
    if (response.status !== 201) return this.#understand(response.status);
    const answer = await response.text();
    this.#session = sessionUrl(response, this.url);
    if (this.over) this.#delete();
    const hasVideo = answer.split(/^m=/m).some((media) => media.startsWith("video ") && !media.startsWith("video 0 "));
    return hasVideo ? answer : this.#end("codec");
  }

  #understand(status) {
    if (REFUSED.includes(status)) return this.#end("refused");
    return this.#end(NOT_FOR_WEBRTC.includes(status) ? "codec" : "gone");
  }

  #attach({ track, receiver }) {
    const stream = this.video.srcObject ?? new MediaStream();
    stream.addTrack(track);
    if (track.kind === "audio") this.#heard = track;
    if (track.kind !== "video") return;
    receiver.transport?.addEventListener("statechange", () => this.#followTransport(receiver.transport.state));
    // A guard wants now, not smooth: the buffer grows by itself where the network needs it.
    if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
    this.video.srcObject = stream;
    this.video.play().catch(() => {});
    this.#watchFrames();
  }

  #watchFrames() {
    const next = (now, facts) => {
      if (this.over) return;
      this.#receivedAt = facts.receiveTime ?? now - this.#bufferedMs;
      this.#motion.moved(now, this.frameAge);
      this.video.requestVideoFrameCallback(next);
    };
    this.video.requestVideoFrameCallback(next);
  }

  /** A track of sound is always answered; whether the camera's can travel shows when something arrives. */
  #listen() {
    if (!this.#heard || this.hasSound) return;
    if (!this.#heard.muted) this.hasSound = true;
    else if (this.movingFor > SOUND_WITHIN_S) this.hasSound = false;
  }

  #follow(peer) {
    const state = peer.connectionState;
    if (state === "connected") this.#connectedAt ||= performance.now();
    if (state === "failed") this.#end(this.#connectedAt ? "closed" : "ice");
  }

  /** The media server hung up: no more camera, no more right, or B-frames, which it finds out when it sends them. */
  #followTransport(state) {
    if (state === "closed" || state === "failed") this.#end(this.movingFor < AT_ONCE_S ? "closed_at_once" : "closed");
  }

  async #measure() {
    let [pair, inbound] = [null, null];
    for (const one of (await this.#peer.getStats()).values()) {
      if (one.type === "candidate-pair" && one.nominated && one.state === "succeeded") pair = one;
      if (one.type === "inbound-rtp" && one.kind === "video") inbound = one;
    }
    this.#halfTripMs = (pair?.currentRoundTripTime ?? 0) * 500;
    if (!inbound) return;
    const before = this.#counted ?? { packetsLost: 0, packetsReceived: 0, jitterBufferDelay: 0 };
    const since = (name) => (inbound[name] ?? 0) - (before[name] ?? 0);
    const lost = Math.max(0, since("packetsLost"));
    const isLossy = lost / Math.max(1, lost + since("packetsReceived")) > LOSS_TOO_MUCH;
    this.#lossy = isLossy ? this.#lossy + 1 : 0;
    const emitted = since("jitterBufferEmittedCount");
    if (emitted > 0) this.#bufferedMs = (since("jitterBufferDelay") / emitted) * 1000;
    this.#counted = inbound;
  }

  /**
   * Over once and for all; returns null, for whoever waited for an answer. The connection itself is closed by `stop`:
   * a video whose connection is closed turns black, and until then it shows its last frame.
   */
  #end(reason) {
    if (this.over) return null;
    this.over = reason;
    clearInterval(this.#measuring);
    this.#hangUp.abort();
    this.#delete();
    return null;
  }

  #delete() {
    if (!this.#session) return;
    const headers = { "X-Requested-With": "vmsd" };
    fetch(this.#session, { method: "DELETE", headers, keepalive: true, credentials: "same-origin" }).catch(() => {});
    this.#session = "";
  }
}

/** All addresses are in the offer, so that nothing needs to be sent after it; on a LAN they are known at once. */
function gathered(peer, signal) {
  if (peer.iceGatheringState === "complete") return null;
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, GATHER_WITHIN_MS);
    const done = () => peer.iceGatheringState === "complete" && (clearTimeout(timer), resolve());
    peer.addEventListener("icegatheringstatechange", done);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

/** Where the session is ended, with the token that opened it. */
function sessionUrl(response, url) {
  const asked = new URL(url, location.href);
  const given = response.headers.get("Location");
  if (!given) return "";
  const found = new URL(given, asked);
  if (!found.search) found.search = asked.search;
  return found.href;
}
