// What a screen on a wall hears of alerts: enough to show the camera they are of.

const FIRST_AGAIN_MS = 1000;
const LAST_AGAIN_MS = 30_000;
const LOUD = ["raised", "reminded"];

const isLoud = ({ event, kind }) => LOUD.includes(event) || (event === "again" && kind === "wanted_plate");

/** Calls `alarm` with the id of a camera whenever it has an alert; for ever, whatever happens to the connection. */
export function hearAlerts(key, alarm) {
  let again = FIRST_AGAIN_MS;
  const connect = () => {
    const query = new URLSearchParams({ token: key });
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws/alerts?${query}`);
    socket.onmessage = ({ data }) => {
      again = FIRST_AGAIN_MS;
      const message = JSON.parse(data);
      if (message.type === "alert" && isLoud(message) && message.camera_id) alarm(message.camera_id);
    };
    socket.onclose = () => {
      setTimeout(connect, again * (0.5 + Math.random() / 2));
      again = Math.min(again * 2, LAST_AGAIN_MS);
    };
  };
  connect();
}
