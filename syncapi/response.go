package syncapi

import (
	"encoding/json"

	"github.com/chappe-im/chappe/todevice"
)

// What every response says though there is nothing to say. A client takes a
// missing count of one-time keys for zero and uploads new ones after each
// response; the presence of the list of fallback keys tells it that they are
// supported.
const responseTail = `,"device_one_time_keys_count":{"signed_curve25519":0}` +
	`,"device_unused_fallback_key_types":[]` +
	`,"account_data":{"events":[]},"presence":{"events":[]}` +
	`,"rooms":{"invite":{},"join":{},"knock":{},"leave":{}}}`

const noDeviceLists = `,"device_lists":{"changed":[],"left":[]}`

// response writes the body of a /sync response. The events go out as they are
// stored.
func response(next token, incremental bool, events []todevice.Event) json.RawMessage {
	size := len(responseTail) + len(noDeviceLists) + 128
	for _, event := range events {
		size += len(event.JSON) + 1
	}
	out := make([]byte, 0, size)
	out = append(out, `{"next_batch":`...)
	out = todevice.AppendString(out, next.String())
	out = append(out, `,"to_device":{"events":[`...)
	for i, event := range events {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, event.JSON...)
	}
	out = append(out, `]}`...)
	if incremental {
		out = append(out, noDeviceLists...)
	}
	return append(out, responseTail...)
}
