package rtmtoken

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
)

// loginRTM is the privilege to use RTM at all.
const loginRTM = 1000

// A token006 is what a token of V006 says behind its app ID. The format has a slot for a
// channel and one for an uid, of which it holds checksums only. For RTM the uid stands in
// the channel's slot, and the other one is empty.
type token006 struct {
	signature  []byte
	channelCRC uint32
	uidCRC     uint32
	message    []byte // what is signed besides the app ID and the slots
	until      int64  // in Unix seconds, always MaxLife after the token was made
	privileges map[uint16]uint32
}

func parse006(content []byte) (t token006, ok bool) {
	r := reader{rest: content}
	t.signature = r.bytes()
	t.channelCRC, t.uidCRC = r.u32(), r.u32()
	t.message = r.bytes()
	m := reader{rest: t.message}
	m.u32() // the salt
	t.until = int64(m.u32())
	t.privileges = m.privileges()
	return t, r.whole() && m.whole()
}

// check006 gives the last second in which a token is good, which may be over.
func check006(rest string, app App, uid string, now int64) (last int64, err error) {
	if len(rest) < appIDLength {
		return 0, Malformed
	}
	content, err := base64.StdEncoding.Strict().DecodeString(rest[appIDLength:])
	if err != nil {
		return 0, Malformed
	}
	t, ok := parse006(content)
	until, login := t.privileges[loginRTM]
	switch {
	case !ok:
		return 0, Malformed
	case rest[:appIDLength] != app.ID:
		return 0, AppMismatch
	case uid == "" || t.channelCRC != crc32.ChecksumIEEE([]byte(uid)) || t.uidCRC != 0:
		return 0, UIDMismatch
	case app.Certificate == "" || !hmac.Equal(t.signature, app.sign006(uid, t.message)):
		return 0, BadSignature
	case !login:
		return 0, NoLoginPrivilege
	case t.until > now+seconds(MaxLife+maxSkew):
		return 0, NotYetValid // see below
	case until != 0:
		return min(t.until, int64(until)), nil
	}
	return t.until, nil
}

// sign006 signs an uid and what follows it. Nothing marks where the one ends and the
// other begins: of some tokens for "alice" and six characters more, the same bytes can be
// read as one for "alice", those characters and the salt taken for a salt, an end and a
// privilege. An end within MaxLife of now is what such a token cannot have but by a
// chance of one in 2^32, so check006 asks for it; true tokens always have it.
func (a App) sign006(uid string, message []byte) []byte {
	mac := hmac.New(sha256.New, []byte(a.Certificate))
	mac.Write([]byte(a.ID))
	mac.Write([]byte(uid))
	mac.Write(message)
	return mac.Sum(nil)
}

// build006 makes a token. The times are Unix seconds.
func (a App) build006(uid string, issued, life, salt uint32) string {
	message := binary.LittleEndian.AppendUint32(nil, salt)
	message = binary.LittleEndian.AppendUint32(message, issued+uint32(seconds(MaxLife)))
	message = appendPrivilege(message, loginRTM, issued+life)
	content := appendBytes(nil, a.sign006(uid, message))
	content = binary.LittleEndian.AppendUint32(content, crc32.ChecksumIEEE([]byte(uid)))
	content = binary.LittleEndian.AppendUint32(content, 0)
	content = appendBytes(content, message)
	return string(V006) + a.ID + base64.StdEncoding.EncodeToString(content)
}
