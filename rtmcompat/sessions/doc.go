// Package sessions is the door for the client SDK of RTM (anyRTC's ar-rtm-sdk, unmodified,
// with this server as its private cloud): the gateway a client asks first, and the
// WebSocket it then keeps.
//
// A session is the device RTM of an RTM user being online. What comes for that device goes
// to the client in the order in which it was accepted: what is stored, until the client has
// acknowledged it, and what is meant for those who are there now, without its being stored.
//
// A connection may break; the session stands for 30 s more, in which the user is online
// for all others. A client that is back in that time, with the name it gave its session
// (UserSId), goes on where it was: it is given again what it has not acknowledged. A login
// under another name ends the session before it, whose client is told so (ForceOffline).
//
// The name of the last session of each user is kept in the database, since a client that
// comes back does not ask for what was stored meanwhile, and must be sent it.
//
// What the wire leaves open is decided here as follows.
//
//   - A message that the receiver's client has acknowledged is removed before its sender
//     is told so: what hasPeerReceived has said is not delivered again, also after a crash.
//   - An acknowledgement is one of all messages that the client was sent before: it has them,
//     and the SDK does not acknowledge one at which the program has failed.
//   - What a client fetches after its login (getOfflineMsg) is not acknowledged on the
//     wire. It is removed with the first sign of life five seconds after the answer was
//     written, or with a logout one second after it; a client that is gone before is given it
//     again. Until it has fetched them, or
//     for five seconds, it is sent no other messages of users, so that none overtakes them.
//   - A frame over 512 KiB, one that is not JSON or whose content is not, an unknown Cmd,
//     and, where clients are limited, more than 200 frames a second in the long run end the
//     connection; each is counted by its reason. Acknowledgements are not counted.
//   - Texts may have up to 48 KiB of UTF-8: what the SDK counts as 32 KB.
//   - An invitation (MakeCall) is for users of this server; any other is offline. It ends after
//     30 s without having reached the callee, and 60 s without an answer.
//   - What is refused for being too often is answered as a failure, as the SDK has no code
//     on the wire for it.
package sessions
