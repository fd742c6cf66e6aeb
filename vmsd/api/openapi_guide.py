"""The words of the API document that stand at no handler: how to begin, what holds everywhere, what each tag is."""

from __future__ import annotations

GUIDE = """\
Everything the dashboard does, it does through these addresses; so can you. They are served by the box itself.

### Who is calling

Send `Authorization: Bearer <token>` with an API token, or the cookie of `POST /api/v1/auth/login`. Nothing but the \
login, `/health` and static files is answered without. (On the page `/docs`, what you try out is asked in your own \
name.) Each operation says the verb its caller must have on at least \
one camera, and on the camera it is about (`x-required-verb`; of several any one), and the least role \
(`x-required-role`). A camera on \
which the caller has no verb at all does not exist for them: 404.

A token for `status:read` alone is a central office's: it opens `/api/v1/status` and `/metrics`, and nothing else.

A screen on a wall sends its own key as the bearer. It may view the cameras of its mosaic and nothing else, until it \
is revoked.

People belong to one city, and ask about it. A superadmin names the city of a request in the header `X-City-ID`.

### What is sent

Bodies are JSON, `Content-Type: application/json`, not compressed. A name that is not known is refused, in bodies and \
in the query. Times are RFC 3339 with an offset, answers use UTC and `Z`. Ids are UUIDs. Sizes are bytes, durations \
seconds. Every `GET` also answers `HEAD`.

### What comes back

- **Lists** are `{"items": [...], "next": cursor}`; ask again with `?cursor=` until `next` is null.
- **Errors** are `application/problem+json` (RFC 9457). 422 says field by field what is wrong: each of `errors` has a \
JSON pointer into the body, or the name of the parameter. What another city has answers 404 like what nobody has.
- **`X-Request-ID`** names the request in the box's log; send your own to find it again.
- **429** says in `Retry-After` when to come back. Operations of one `x-rate-class` share one allowance per person or \
token.

### Changing things together with others

What has an `ETag` can be changed with `If-Match`: the change is refused with 412 when somebody else was faster. A \
`POST` that creates something can be repeated safely under one `Idempotency-Key`.

### Watching

`POST /api/v1/streams?camera_id=` opens a viewing session and answers with addresses any HLS player takes: they carry \
a viewing token, bound to that one camera, which lives while it is used.

`/ws/alerts` is a WebSocket that tells alerts, plates that were read and marks as they happen, each to those who may \
know it.
"""

TAGS = {
    "acceptances": "The report that proves a site when it is handed over.",
    "alerts": "What somebody has to answer, and what was done about it.",
    "audit": "What was done here, by whom, and whether the record of it is whole.",
    "auth": "Logging in and out, passwords, the second factor, sessions.",
    "cameras": "The cameras of a city and what each is doing.",
    "cities": "The tenants.",
    "continuity": "Proof of what was recorded of a period, and why the rest was not.",
    "destinations": "Where the city's news goes: webhooks and message brokers, and what became of each attempt.",
    "detections": "The number plates cameras have read.",
    "devices": "What the cameras are as devices: maker, serial number, clock.",
    "discovery": "Which cameras are on the network, and what one of them is.",
    "events": "What programs outside have seen in the video.",
    "exports": "Recordings made into files to take away: films, and sealed packages with proof.",
    "groups": "Camera groups, which rights are given on.",
    "health-board": "The health of cameras and box in figures, judged.",
    "holds": "What authorities have asked to be kept, until a deadline.",
    "incidents": "Periods of several cameras that belong together and are kept.",
    "map": "Where the cameras are, and what lies under them.",
    "mosaics": "Saved grids of cameras.",
    "openapi": "This document.",
    "preservations": "Periods that are never purged.",
    "purges": "What was deleted, by which rule, and what was kept.",
    "push": "News on a person's own devices, where the site allows it.",
    "recordings": "What was recorded.",
    "replay": "Recorded video for players: playlists, files, small pictures.",
    "status": "The whole site for its central office, signed.",
    "streams": "Live video: viewing sessions and what players fetch.",
    "system": "How the box is doing.",
    "thresholds": "When a figure of the health board turns amber and red.",
    "tokens": "API tokens.",
    "users": "People and their rights.",
    "wall": "What a screen on a wall shows, asked for with its own key.",
    "walls": "Screens on walls and their keys.",
    "wanted-plates": "Number plates that raise an alert when they are read.",
    "webhooks": "What cameras and plate readers report, and the keys they sign it with.",
    "webrtc": "Live video with the least delay: WHEP signalling.",
}
"""What each group of addresses is about; every group must stand here."""
