package todevice

import "encoding/json"

// EventJSON writes the event a device receives: content as it was sent, sender
// and type, and nothing else.
//
// https://spec.matrix.org/v1.15/client-server-api/#send-to-device-messaging
func EventJSON(sender UserID, eventType string, content json.RawMessage) []byte {
	out := make([]byte, 0, len(content)+len(eventType)+len(sender.Localpart)+len(sender.Server)+40)
	out = append(out, `{"content":`...)
	out = append(out, content...)
	out = append(out, `,"sender":`...)
	out = AppendString(out, sender.String())
	out = append(out, `,"type":`...)
	out = AppendString(out, eventType)
	return append(out, '}')
}

// AppendString appends s as a JSON string. s must be valid UTF-8.
func AppendString(out []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // a string always marshals
			return append(out, quoted...)
		}
	}
	out = append(out, '"')
	out = append(out, s...)
	return append(out, '"')
}
