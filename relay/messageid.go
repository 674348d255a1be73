package relay

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"time"
)

// messageIDTick is the time in which message IDs begin with the same characters. The
// next time they begin like that is 199 days later, when no server remembers the first.
const messageIDTick = 16 * time.Millisecond

// messageID makes an ID for an m.direct_to_device EDU: 6 characters that grow with the
// time, and 26 with 130 random bits. So what is sent together stands together in the
// index of the receiving server, which writes fewer pages to remember it. The
// specification allows 32 characters.
//
// https://spec.matrix.org/v1.15/server-server-api/#send-to-device-messaging
func messageID(at time.Time) string {
	const bits = 30 // in 6 characters
	ticks := uint64(at.UnixMilli() / messageIDTick.Milliseconds())
	var left [8]byte // aligned to the left, of which 6 characters are kept
	binary.BigEndian.PutUint64(left[:], ticks<<(64-bits))
	return base32.HexEncoding.EncodeToString(left[:])[:6] + rand.Text() // digits before letters, as they are sorted
}
