package server

import "strings"

// A kind says what an endpoint asks of those who call it.
type kind int

const (
	authed kind = iota // an access token, in the client-server API
	open               // nothing, in any Matrix API
	signed             // another server's signature
	rtm                // a key of an RTM app
	sdk                // what the RTM client SDK asks, which knows no errors; rtmcompat/sessions has its tests
)

// An outcome is a status and, for an error, its errcode: "200", "403 M_FORBIDDEN".
type outcome string

const (
	fine         outcome = "200"
	badJSON      outcome = "400 M_BAD_JSON"
	notJSON      outcome = "400 M_NOT_JSON"
	invalidParam outcome = "400 M_INVALID_PARAM"
	missingParam outcome = "400 M_MISSING_PARAM"
	forbidden    outcome = "403 M_FORBIDDEN"
	notFound     outcome = "404 M_NOT_FOUND"
	mustPass     outcome = "401" // and the flows of user-interactive authentication
)

// A row says how one endpoint is called, and what it answers where that is not what
// every endpoint of its kind does.
type row struct {
	// route is method and template. {v3} stands for r0, too, and {any} for both and
	// unstable.
	route string
	kind  kind
	// body is a good one, "" where the endpoint reads none. What is in braces is
	// replaced as in paths.
	body string
	// query is appended to the path.
	query string
	// good is the answer to a good request, "" for 200.
	good outcome
	// badToken is the answer of an endpoint that is open to a token that is none, ""
	// where it does not look at it.
	badToken outcome
	// foreign is the answer where {userId} is another user, "" for 403 M_FORBIDDEN.
	foreign outcome
	// wrong has the answers to a body that has, at this place, something of another
	// type; "" for 400 M_BAD_JSON. At a place that is mapped to fine, and below it,
	// anything may be. Components of a place are parted by blanks.
	wrong map[string]outcome
	// garbled is the answer to a path with what is not UTF-8, "" for 400
	// M_INVALID_PARAM.
	garbled outcome
	// queries has the answers to queries in the place of query.
	queries map[string]outcome
	// keyOnly is true for an RTM endpoint that takes no token of a user.
	keyOnly bool
	// limit is the size in bytes a body may have, 0 for the default.
	limit int64
}

// table has a row for every endpoint of the server.
var table = []row{
	// Discovery.
	{route: "GET /_matrix/client/versions", kind: open, badToken: "401 M_UNKNOWN_TOKEN"},
	{route: "GET /.well-known/matrix/client", kind: open},

	// Accounts.
	{route: "POST {v3}/register", kind: open, body: `{"username":"new.{userId.localpart}","password":"s3cr3t","device_id":"D2",` +
		`"initial_device_display_name":"n","inhibit_login":false,"auth":{"type":"m.login.dummy"}}`,
		queries: map[string]outcome{"kind=guest": "403 M_GUEST_ACCESS_FORBIDDEN", "kind=other": invalidParam}},
	{route: "GET {v3}/register/available", kind: open, query: "username=somebody.new",
		queries: map[string]outcome{"": missingParam, "username=b%C3%A4r": "400 M_INVALID_USERNAME", "username=bob": "400 M_USER_IN_USE"}},
	{route: "GET {v3}/login", kind: open},
	{route: "POST {v3}/login", kind: open, good: forbidden,
		body: `{"type":"m.login.password","identifier":{"type":"m.id.user","user":"bob"},"password":"wrong s3cr3t","device_id":"D2","initial_device_display_name":"n"}`},
	{route: "POST {v3}/refresh", kind: open, body: `{"refresh_token":"s3cr3t"}`, good: "401 M_UNKNOWN_TOKEN"},
	{route: "POST {v3}/logout"},
	{route: "POST {v3}/logout/all"},
	{route: "GET {v3}/account/whoami"},
	{route: "GET {v3}/account/3pid"},
	{route: "POST {v3}/account/password", body: `{"new_password":"new s3cr3t","logout_devices":true,` + authentication + `}`, good: mustPass + " M_FORBIDDEN"},
	{route: "POST {v3}/account/deactivate", body: `{` + authentication + `}`, good: mustPass + " M_FORBIDDEN"},
	{route: "GET {v3}/admin/whois/{userId}"},
	{route: "GET /_matrix/client/v1/register/m.login.registration_token/validity", kind: open, query: "token=s3cr3t",
		queries: map[string]outcome{"": missingParam}},
	{route: "POST /_chappe/admin/v1/users/{userId}/login_token", good: forbidden},
	{route: "GET /_synapse/admin/v1/register", kind: open},
	{route: "POST /_synapse/admin/v1/register", kind: open, good: "400 M_UNKNOWN",
		body: `{"nonce":"s3cr3t","username":"u","password":"s3cr3t","admin":false,"mac":"s3cr3t"}`},

	// Devices.
	{route: "GET {v3}/devices"},
	{route: "GET {v3}/devices/{deviceId}"},
	{route: "PUT {v3}/devices/{deviceId}", body: `{"display_name":"n"}`},
	{route: "DELETE {v3}/devices/{deviceId}", good: mustPass},
	{route: "POST {v3}/delete_devices", body: `{"devices":["D","E"],` + authentication + `}`, good: mustPass + " M_FORBIDDEN"},

	// Messages.
	{route: "PUT {v3}/sendToDevice/{eventType}/{txnId}", body: `{"messages":{"@bob:here.test":{"D":{"any":"s3cr3t"}}}}`,
		wrong: map[string]outcome{"messages @bob:here.test D any": fine}, limit: 20 << 20},
	{route: "GET {v3}/sync", queries: map[string]outcome{"since=nonsense": invalidParam, "timeout=soon": invalidParam, "filter=%7B": invalidParam,
		"full_state=maybe": invalidParam, "set_presence=away": invalidParam, "timeout=%zz": invalidParam}},

	// Keys.
	{route: "GET {v3}/keys/changes", query: "from={since}&to={since}",
		queries: map[string]outcome{"": missingParam, "from=nonsense": invalidParam, "from={since}&to=nonsense": invalidParam}},
	{route: "POST {v3}/keys/upload", body: `{"device_keys":{"user_id":"{userId}","device_id":"{deviceId}","algorithms":["m.olm"],` +
		`"keys":{"ed25519:{deviceId}":"s3cr3t"},"signatures":{"{userId}":{"ed25519:{deviceId}":"s3cr3t"}}},` +
		`"one_time_keys":{"signed_curve25519:A":{"key":"s3cr3t"}},"fallback_keys":{"signed_curve25519:F":{"key":"s3cr3t","fallback":true}}}`,
		wrong: map[string]outcome{
			"one_time_keys signed_curve25519:A": fine, "fallback_keys signed_curve25519:F": fine,
		}},
	{route: "POST {v3}/keys/query", body: `{"device_keys":{"@bob:here.test":["D"]},"timeout":10}`},
	{route: "POST {v3}/keys/device_signing/upload", body: `{"master_key":{"user_id":"{userId}","usage":["master"],` +
		`"keys":{"ed25519:` + somePublicKey + `":"` + somePublicKey + `"},"signatures":{"{userId}":{"ed25519:{deviceId}":"s3cr3t"}}},"auth":{"type":"t"}}`},
	{route: "POST {v3}/keys/signatures/upload", body: `{"@bob:here.test":{"D":{"any":"s3cr3t"}}}`,
		wrong: map[string]outcome{"@bob:here.test D any": fine}},
	{route: "POST {v3}/keys/claim", body: `{"one_time_keys":{"@bob:here.test":{"D":"signed_curve25519"}},"timeout":10}`},

	// Key backups.
	{route: "POST {any}/room_keys/version", body: backup, wrong: inBackup},
	{route: "GET {any}/room_keys/version", good: notFound},
	{route: "GET {any}/room_keys/version/{version}", good: notFound},
	{route: "PUT {any}/room_keys/version/{version}", good: notFound, body: backup, wrong: inBackup},
	{route: "DELETE {any}/room_keys/version/{version}", good: notFound},
	backedUp("GET", "", ""),
	backedUp("PUT", "", `{"rooms":{"!r":{"sessions":{"s":`+backedUpKey+`}}}}`),
	backedUp("DELETE", "", ""),
	backedUp("GET", "/{roomId}", ""),
	backedUp("PUT", "/{roomId}", `{"sessions":{"s":`+backedUpKey+`}}`),
	backedUp("DELETE", "/{roomId}", ""),
	backedUp("GET", "/{roomId}/{sessionId}", ""),
	backedUp("PUT", "/{roomId}/{sessionId}", backedUpKey),
	backedUp("DELETE", "/{roomId}/{sessionId}", ""),

	// Profiles.
	{route: "GET {v3}/profile/{userId}", kind: open, foreign: fine},
	{route: "GET {v3}/profile/{userId}/{field}", kind: open, foreign: notFound, good: notFound},
	{route: "PUT {v3}/profile/{userId}/{field}", body: `{"displayname":"n"}`},
	{route: "POST {v3}/user/{userId}/openid/request_token", body: `{}`},

	// What users keep here.
	{route: "GET {v3}/user/{userId}/account_data/{type}", good: notFound},
	{route: "PUT {v3}/user/{userId}/account_data/{type}", body: `{"any":"s3cr3t"}`, wrong: map[string]outcome{"any": fine}, limit: 65536},
	{route: "POST {v3}/user/{userId}/filter", limit: 65536, body: `{"event_format":"client","event_fields":["type"],` +
		`"presence":{"limit":1,"types":["m.x"],"not_senders":["@bob:here.test"]},` +
		`"room":{"rooms":["!r:here.test"],"include_leave":true,"timeline":{"contains_url":true,"not_rooms":["!r:here.test"]}}}`},
	{route: "GET {v3}/user/{userId}/filter/{filterId}", good: notFound},
	{route: "GET {v3}/presence/{userId}/status"},
	{route: "PUT {v3}/presence/{userId}/status", body: `{"presence":"online","status_msg":"s3cr3t"}`},
	{route: "GET {v3}/pushrules/"},
	{route: "GET {v3}/pushrules"},
	{route: "GET {v3}/pushrules/global/"},
	{route: "GET {v3}/pushrules/global"},
	{route: "GET {v3}/pushrules/global/{kind}/{ruleId}", good: notFound},
	{route: "PUT {v3}/pushrules/global/{kind}/{ruleId}", queries: map[string]outcome{"before=none": "400 M_UNKNOWN", "after=none": "400 M_UNKNOWN"},
		body:  `{"actions":["notify",{"set_tweak":"sound","value":"s3cr3t"}],"conditions":[{"kind":"event_match","key":"k","pattern":"s3cr3t"}]}`,
		wrong: map[string]outcome{"actions 1 value": fine}},
	{route: "DELETE {v3}/pushrules/global/{kind}/{ruleId}", good: notFound},
	{route: "GET {v3}/pushrules/global/{kind}/{ruleId}/enabled", good: notFound},
	{route: "PUT {v3}/pushrules/global/{kind}/{ruleId}/enabled", good: notFound, body: `{"enabled":true}`},
	{route: "GET {v3}/pushrules/global/{kind}/{ruleId}/actions", good: notFound},
	{route: "PUT {v3}/pushrules/global/{kind}/{ruleId}/actions", good: notFound, body: `{"actions":["notify",{"set_tweak":"highlight"}]}`},
	{route: "GET {v3}/pushers"},
	{route: "POST {v3}/pushers/set", limit: 65536, body: `{"pushkey":"s3cr3t","kind":"http","app_id":"a","app_display_name":"n",` +
		`"device_display_name":"n","profile_tag":"t","lang":"en","data":{"url":"https://push.test/_matrix/push/v1/notify"},"append":false}`},
	{route: "GET {v3}/notifications"},

	// What the server can do.
	{route: "GET {v3}/capabilities"},
	{route: "GET {v3}/voip/turnServer"},

	// Rooms, of which there are none. Hardly a body is looked at.
	{route: "POST {v3}/createRoom", good: forbidden},
	{route: "GET {v3}/joined_rooms"},
	{route: "POST {v3}/join/{roomIdOrAlias}", good: notFound, garbled: notFound},
	{route: "POST {v3}/knock/{roomIdOrAlias}", good: notFound, garbled: notFound},
	{route: "GET {v3}/rooms/{path:.+}", good: notFound, garbled: notFound},
	{route: "POST {v3}/rooms/{path:.+}", good: notFound, garbled: notFound},
	{route: "PUT {v3}/rooms/{path:.+}", good: notFound, garbled: notFound},
	{route: "DELETE {v3}/rooms/{path:.+}", good: notFound, garbled: notFound},
	{route: "GET /_matrix/client/v1/rooms/{path:.+}", good: notFound, garbled: notFound},
	{route: "POST /_matrix/client/v1/rooms/{path:.+}", good: notFound, garbled: notFound},
	{route: "PUT /_matrix/client/v1/rooms/{path:.+}", good: notFound, garbled: notFound},
	{route: "DELETE /_matrix/client/v1/rooms/{path:.+}", good: notFound, garbled: notFound},
	{route: "GET {v3}/user/{userId}/rooms/{roomId}/account_data/{type}", good: notFound},
	{route: "PUT {v3}/user/{userId}/rooms/{roomId}/account_data/{type}", good: notFound},
	{route: "GET {v3}/user/{userId}/rooms/{roomId}/tags", good: notFound},
	{route: "PUT {v3}/user/{userId}/rooms/{roomId}/tags/{tag}", good: notFound},
	{route: "DELETE {v3}/user/{userId}/rooms/{roomId}/tags/{tag}", good: notFound},
	{route: "GET {v3}/publicRooms", kind: open},
	{route: "POST {v3}/publicRooms", body: `{"filter":{"generic_search_term":"s3cr3t"},"limit":10,"since":"x"}`},
	{route: "GET {v3}/directory/room/{roomAlias}", kind: open, good: notFound, garbled: notFound},
	{route: "PUT {v3}/directory/room/{roomAlias}", good: notFound, garbled: notFound},
	{route: "DELETE {v3}/directory/room/{roomAlias}", good: notFound, garbled: notFound},
	{route: "GET {v3}/directory/list/room/{roomId}", kind: open, good: notFound, garbled: notFound},
	{route: "PUT {v3}/directory/list/room/{roomId}", good: notFound, garbled: notFound},
	{route: "GET {v3}/thirdparty/protocols"},
	{route: "POST {v3}/user_directory/search", body: `{"search_term":"s3cr3t","limit":10}`},

	// Keys of servers.
	{route: "GET /_matrix/key/v2/server", kind: open},
	{route: "GET /_matrix/key/v2/server/", kind: open},
	{route: "GET /_matrix/key/v2/server/{keyId}", kind: open, garbled: fine},
	{route: "POST /_matrix/key/v2/query", kind: open, body: `{"server_keys":{"here.test":{"ed25519:1":{"minimum_valid_until_ts":1}}}}`},
	{route: "GET /_matrix/key/v2/query/{serverName}", kind: open, queries: map[string]outcome{"minimum_valid_until_ts=soon": invalidParam}},
	{route: "GET /_matrix/key/v2/query/{serverName}/{keyId}", kind: open},

	// What other servers ask.
	{route: "GET /_matrix/federation/v1/version", kind: open},
	{route: "GET /_matrix/federation/v1/openid/userinfo", kind: open, query: "access_token=s3cr3t", good: "401 M_UNKNOWN_TOKEN",
		queries: map[string]outcome{"": "401 M_MISSING_TOKEN"}},
	{route: "PUT /_matrix/federation/v1/send/{txnId}", kind: signed, body: transaction, wrong: inTransaction},
	{route: "PUT /_matrix/federation/v1/send/{txnId}/", kind: signed, body: transaction, wrong: inTransaction},
	{route: "POST /_matrix/federation/v1/user/keys/query", kind: signed, body: `{"device_keys":{"@bob:here.test":["D"]}}`},
	{route: "POST /_matrix/federation/v1/user/keys/claim", kind: signed, body: `{"one_time_keys":{"@bob:here.test":{"D":"signed_curve25519"}}}`},
	{route: "GET /_matrix/federation/v1/user/devices/{userId}", kind: signed, foreign: fine},
	{route: "GET /_matrix/federation/v1/query/profile", kind: signed, query: "user_id=%40bob%3Ahere.test",
		queries: map[string]outcome{"": missingParam, "user_id=bob": invalidParam, "user_id=%40nobody%3Ahere.test": notFound}},

	// Rooms, of which there are none. No body is looked at.
	{route: "PUT /_matrix/federation/v1/invite/{roomId}/{eventId}", kind: signed, good: forbidden, garbled: forbidden},
	{route: "PUT /_matrix/federation/v2/invite/{roomId}/{eventId}", kind: signed, good: forbidden, garbled: forbidden},
	noRoom("GET /_matrix/federation/v1/backfill/{roomId}"),
	noRoom("GET /_matrix/federation/v1/state/{roomId}"),
	noRoom("GET /_matrix/federation/v1/state_ids/{roomId}"),
	noRoom("GET /_matrix/federation/v1/event/{eventId}"),
	noRoom("GET /_matrix/federation/v1/event_auth/{roomId}/{eventId}"),
	noRoom("GET /_matrix/federation/v1/hierarchy/{roomId}"),
	noRoom("GET /_matrix/federation/v1/timestamp_to_event/{roomId}"),
	noRoom("GET /_matrix/federation/v1/make_join/{roomId}/{userId}"),
	noRoom("GET /_matrix/federation/v1/make_leave/{roomId}/{userId}"),
	noRoom("GET /_matrix/federation/v1/make_knock/{roomId}/{userId}"),
	noRoom("GET /_matrix/federation/v1/query/directory"),
	noRoom("PUT /_matrix/federation/v1/send_join/{roomId}/{eventId}"),
	noRoom("PUT /_matrix/federation/v2/send_join/{roomId}/{eventId}"),
	noRoom("PUT /_matrix/federation/v1/send_leave/{roomId}/{eventId}"),
	noRoom("PUT /_matrix/federation/v2/send_leave/{roomId}/{eventId}"),
	noRoom("PUT /_matrix/federation/v1/send_knock/{roomId}/{eventId}"),
	noRoom("PUT /_matrix/federation/v1/exchange_third_party_invite/{roomId}"),
	noRoom("POST /_matrix/federation/v1/get_missing_events/{roomId}"),
	{route: "GET /_matrix/federation/v1/publicRooms", kind: signed},
	{route: "POST /_matrix/federation/v1/publicRooms", kind: signed},

	// The RTM client SDK.
	{route: "POST /arapi/v1", kind: sdk},
	{route: "OPTIONS /arapi/v1", kind: sdk},
	{route: "POST /arapi/v1/artmgw/getOfflineMsg", kind: sdk},
	{route: "OPTIONS /arapi/v1/artmgw/getOfflineMsg", kind: sdk},
	{route: "GET /", kind: sdk},

	// RTM, whose errors have a form of their own.
	{route: "GET /rtm/openapi.json", kind: open},
	{route: "POST /dev/v2/project/{appId:[^/]*}/rtm/users/{userId:[^/]*}/peer_messages", kind: rtm,
		body: `{"destination":"bob","payload":"s3cr3t","enable_offline_messaging":true}`},
	{route: "POST /dev/v2/project/{appId:[^/]*}/rtm/message/history/query", kind: rtm,
		body: `{"filter":{"source":"{userId}","destination":"s3cr3t","start_time":"2019-08-01T01:22:10Z","end_time":"2019-08-01T01:22:10Z"},"offset":1,"limit":1,"order":"asc"}`},
	{route: "GET /dev/v2/project/{appId:[^/]*}/rtm/message/history/query/{handle:[^/]*}", kind: rtm, good: "404 not_found"},
	{route: "GET /dev/v2/project/{appId:[^/]*}/rtm/message/history/count", kind: rtm,
		query: "source={userId}&start_time=2019-08-01T01:22:10Z&end_time=2019-08-01T01:22:10Z",
		queries: map[string]outcome{
			"": "400 invalid_parameter", "source=%zz": "400 invalid_parameter",
			"destination=s3cr3t&start_time=2019-08-01T01:22:10Z&end_time=2019-08-01T01:22:10Z": fine,
		}},
	{route: "GET /dev/v2/project/{appId:[^/]*}/rtm/vendor/user_events", kind: rtm, keyOnly: true, query: "after=&wait=0",
		queries: badEventQueries},
	{route: "GET /dev/v2/project/{appId:[^/]*}/rtm/vendor/channel_events", kind: rtm, keyOnly: true, query: "after=&wait=0",
		queries: badEventQueries},
	{route: "POST /dev/v2/project/{appId:[^/]*}/rtm/users/{userId:[^/]*}/channel_messages", kind: rtm,
		body: `{"channel_name":"room","payload":"s3cr3t","enable_historical_messaging":false}`},
}

var badEventQueries = map[string]outcome{"": fine, "after=now": "400 invalid_parameter", "wait=1": "400 invalid_parameter",
	"after=&wait=61": "400 invalid_parameter", "after=&wait=soon": "400 invalid_parameter", "after=%zz": "400 invalid_parameter"}

// The users of the tests have no password, so it is wrong.
const authentication = `"auth":{"type":"m.login.password","identifier":{"type":"m.id.user","user":"{userId}"},"password":"wrong s3cr3t","session":""}`

// One bad PDU or EDU must not hold up the others, so what is in the lists is nobody's
// mistake but their own.
const transaction = `{"origin":"peer.test","origin_server_ts":1,"pdus":[{}],"edus":[{"edu_type":"m.direct_to_device","content":{"sender":"@a:peer.test","type":"t","messages":{"@bob:here.test":{"D":{"any":"s3cr3t"}}}}}]}`

var inTransaction = map[string]outcome{"origin_server_ts": fine, "pdus 0": fine, "edus 0": fine}

var somePublicKey = strings.Repeat("A", 43)

func noRoom(route string) row {
	return row{route: route, kind: signed, good: notFound, garbled: notFound, foreign: notFound}
}

const (
	backup      = `{"algorithm":"m.megolm_backup.v1.curve25519-aes-sha2","auth_data":{"any":"s3cr3t"}}`
	backedUpKey = `{"first_message_index":1,"forwarded_count":0,"is_verified":false,"session_data":{"any":"s3cr3t"}}`
)

var inBackup = map[string]outcome{"auth_data any": fine}

// backedUp is a row of the keys in a backup, of which there is none.
func backedUp(method, place, body string) row {
	r := row{route: method + " {any}/room_keys/keys" + place, good: notFound, body: body,
		query: "version=1", queries: map[string]outcome{"": missingParam}}
	if body != "" {
		r.limit = 20 << 20
		r.wrong = map[string]outcome{"session_data any": fine, "sessions s session_data any": fine, "rooms !r sessions s session_data any": fine}
	}
	return r
}
