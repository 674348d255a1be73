// Package rtmcompat is the door for programs written against anyRTC's RTM REST
// API, or Agora's RTM 1.x on which that is modelled. They name this server's host
// instead of the vendor's, and stay as they are. Clients with the SDK have the package
// sessions below, which asks this one who they are and sends by it.
//
// An app's users are Matrix users: uid "Ann" of an app with the namespace
// "rtm_demo_" is @rtm_demo__ann:example.org, by the mapping of
// https://spec.matrix.org/v1.15/appendices/#mapping-from-other-character-sets in
// its reversible form. A message is a to-device event (see [PeerMessageType]), so
// what is promised of those holds for it, on other servers, too.
//
// What the vendors leave open is decided here as follows.
//
//   - Each answer, also to an unknown path, carries X-Request-ID, and a body whose
//     request_id is the same. An answer other than 200 has the result "failed", a
//     code (see the constants beginning with "code") and a message for people.
//   - A key of the app may do everything, as any user. A token may do what has its user
//     in the path, and read of the history what concerns its user (see below); nothing
//     else. An app without certificate has no good tokens here; its sessions take anybody.
//   - A good key is enough, whatever token is beside it. Else the headers x-ar-token and
//     x-ar-uid count, or x-agora-token and x-agora-uid, which mean the same: what of them
//     comes more than once must have one value. Without a token there, that of
//     "Authorization: agora token=..." counts; without an uid header it must name its user.
//   - Whoever has a token that was made with the app's certificate is told that it has
//     expired, is not valid yet, or is for another user than the path's. All others are
//     told nothing but that their credentials are wrong; the log has the reason.
//   - An unknown app is told as app_not_found only to a caller whose key is good for
//     another app. Everyone else gets unauthorized, whether the app exists or not.
//   - Booleans are true or false: 400 for "true", 1 and null.
//   - A body is refused with 400 over 1 MiB, and not read further. So is a string
//     with half a surrogate pair, which has no UTF-8.
//   - A payload is 1 to 32768 bytes of UTF-8. One that is over 64 KiB once escaped
//     as JSON (more than 10,800 control characters, or 32,600 quotes) is refused
//     with 400 as well: no Matrix server need take it.
//   - A request may have a key: 1 to 255 characters of visible ASCII in the header
//     Idempotency-Key, or in the query as request_id; where both are there, they are the
//     same. For at least 24 hours it stands for this request, of this sender in this app.
//     What was sent under it is not sent again: a repetition has the same answer with the
//     same request_id. With wait_for_ack=true it waits anew for the confirmation of the
//     message that was sent, and says message_delivered where that came meanwhile. Another
//     destination, payload, enable_offline_messaging or enable_historical_messaging under
//     the key is refused with 409 (conflict). Spaces, unknown keys of the body and
//     wait_for_ack make no other request. An answer other than 200 is not remembered: what
//     was refused may be tried again. What a deactivated sender asked for is forgotten with
//     the account.
//   - The code of a channel message that was sent is message_sent, as in the vendors'
//     table. With App.ChannelCodeWithSpace it is "message sent", as in their example. Peer
//     messages have the underscore in any case.
//   - wait_for_ack=true for a user of another server answers message_sent, since
//     no receipt comes back. So does a local receiver that is online but does not
//     confirm in time.
//   - With wait_for_ack=true the answer message_offline says that no device was
//     online, also where the message is kept.
//   - With enable_offline_messaging a message is kept for a device that is online until it
//     has confirmed it, and for any other as one of the latest (todevice.KeepLatest): 200
//     for each device, of all senders, for seven days from when the server accepted them.
//   - A channel message reaches all members but those of its sender's uid, who need not be
//     one. Where nobody is, that is no error, and the code is the same.
//
// Of channels:
//
//   - A message reaches the members but those of its sender's uid, who need not be in the
//     channel. It is no error where nobody is.
//   - A message with a key is remembered before anyone is given it, and one for Matrix
//     users (see package guests) is on disk: so it is said once.
//   - The uid "channels" is the service user's. Nobody else may use it, or send to it by uid.
//
// Of the history, which holds what was sent with enable_historical_messaging, or by the
// SDK with enableHistoricalMessaging:
//
//   - A message is kept in the commit that accepts it, once for each request with a key,
//     also where nobody is there to receive it. It is found until it is too old, or makes
//     room for newer ones of its app. Of a deactivated user nothing is left, neither what
//     they sent nor what they were sent.
//   - A key reads everything. A token reads what its user sent or was sent, and channels
//     its user is or was in; where a name is that of a user and of a channel, the one of
//     the two that it may read. What is none of this is refused with 401 (unauthorized).
//     App.OpenHistory lets a token read as a key does.
//   - Times are of RFC 3339, in UTC written "Z", with a fraction or without; both ends
//     count. limit is 1 to 100, and 20 where it is left out; offset is 0 to 2147483647.
//   - A destination is a user or a channel, or both: message_type tells. One that reads as
//     a Matrix user ID is that user, and still a channel. As a source it is that user, too,
//     but to a token whose own uid it is.
//   - A user of the app is told by uid, every other by the whole Matrix user ID.
//   - In the query of a count, a pair of double quotes around a value is taken off, and
//     "+" is a space.
//   - The handle of a query is the query itself, sealed for the app and for the key or the
//     uid that made it. It is good for an hour, over restarts, too. Then, and to others, it
//     is 404 (not_found). The result is read anew each time, and always ready (ok).
//
// Of events:
//
//   - They take a key of the app; with App.OpenEvents any token of it. Each of the two
//     streams keeps its latest 2000.
//   - Without the parameter after, at most 1000 are given that were not given so before,
//     in the order in which they were recorded.
//
// Beyond the vendors' API, the destination of a peer message may be a full Matrix
// user ID, here or on another server, of up to 255 bytes. An uid that could be read
// as one (it begins with "@" and ends with ":" and a server name) is taken for one.
//
// With after, which is empty or the "next" of an answer, events are read without being
// taken away. "next" is where to go on, "lost" is true if some that followed after are not
// kept any more, or if after is of another database. With wait, too, 0 to 60, the answer
// waits so many seconds at most for there to be an event.
package rtmcompat
