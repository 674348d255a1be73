package syncapi

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/chappe-im/chappe/todevice"
)

// noRooms is what every response says, though there are none.
const noRooms = `,"rooms":{"invite":{},"join":{},"knock":{},"leave":{}}}`

// response writes the body of a /sync response. The events go out as they are
// stored. Every response has the key counts, zeros included: a client takes a
// missing count for zero and uploads new keys after each response, or never.
func response(next token, user todevice.UserID, incremental bool, found finding) json.RawMessage {
	size := 512
	for _, event := range found.events {
		size += len(event.JSON) + 1
	}
	out := make([]byte, 0, size)
	out = append(out, `{"next_batch":`...)
	out = todevice.AppendString(out, next.String())
	out = append(out, `,"to_device":{"events":[`...)
	for i, event := range found.events {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, event.JSON...)
	}
	out = append(out, `]}`...)
	if incremental {
		out = append(out, `,"device_lists":{"changed":`...)
		out = appendStrings(out, found.news.Changed)
		out = append(out, `,"left":`...)
		out = appendStrings(out, found.news.Left)
		out = append(out, '}')
	}
	out = appendKeyCounts(out, found.keys)
	out = appendAccountData(out, found.news.AccountData)
	out = appendPresence(out, user, found.news.Presence)
	return append(out, noRooms...)
}

func appendAccountData(out []byte, data []todevice.AccountData) []byte {
	out = append(out, `,"account_data":{"events":[`...)
	for i, d := range data {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"type":`...)
		out = todevice.AppendString(out, d.Type)
		out = append(out, `,"content":`...)
		out = append(append(out, d.Content...), '}')
	}
	return append(out, `]}`...)
}

// appendPresence writes the user's own presence, where it has changed. Nobody else's
// is told.
func appendPresence(out []byte, user todevice.UserID, presence *todevice.Presence) []byte {
	out = append(out, `,"presence":{"events":[`...)
	if presence != nil {
		out = append(out, `{"type":"m.presence","sender":`...)
		out = todevice.AppendString(out, user.String())
		out = append(out, `,"content":{"presence":`...)
		out = todevice.AppendString(out, string(presence.State))
		if presence.StatusMsg != "" {
			out = append(out, `,"status_msg":`...)
			out = todevice.AppendString(out, presence.StatusMsg)
		}
		out = append(out, `}}`...)
	}
	return append(out, `]}`...)
}

// appendKeyCounts writes what is left of the device's keys. That the list of fallback
// keys is there tells a client that they are supported; some know it by its older
// name only.
func appendKeyCounts(out []byte, keys todevice.KeyCounts) []byte {
	out = append(out, `,"device_one_time_keys_count":{`...)
	for i, algorithm := range slices.Sorted(maps.Keys(keys.OneTimeKeys)) {
		if i > 0 {
			out = append(out, ',')
		}
		out = todevice.AppendString(out, algorithm)
		out = append(out, ':')
		out = strconv.AppendInt(out, int64(keys.OneTimeKeys[algorithm]), 10)
	}
	out = append(out, '}')
	for _, name := range []string{"device_unused_fallback_key_types", "org.matrix.msc2732.device_unused_fallback_key_types"} {
		out = append(out, ',')
		out = todevice.AppendString(out, name)
		out = append(out, ':')
		out = appendStrings(out, keys.UnusedFallbackKeys)
	}
	return out
}

func appendStrings(out []byte, list []string) []byte {
	out = append(out, '[')
	for i, s := range list {
		if i > 0 {
			out = append(out, ',')
		}
		out = todevice.AppendString(out, s)
	}
	return append(out, ']')
}
