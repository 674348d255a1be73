package rtmtoken

import (
	"bytes"
	"compress/zlib"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"io"
)

const (
	// serviceRTC and serviceRTM are types of services, of which a token has a list in
	// ascending order.
	serviceRTC = 1
	serviceRTM = 2
	// login007 is the privilege of serviceRTM to use RTM at all.
	login007 = 1
	// maxInflated is the size in bytes of what a token may inflate to.
	maxInflated = 64 << 10
)

// A token007 is what a token of V007 says. Its times are in seconds after it was issued.
type token007 struct {
	signature []byte
	body      []byte // what is signed
	appID     string
	issued    uint32 // in Unix seconds
	life      uint32
	salt      uint32
	rtm       bool // whether there is a service RTM, which has:
	uid       string
	login     map[uint16]uint32
}

func parse007(packed []byte) (t token007, ok bool) {
	r := reader{rest: packed}
	t.signature = r.bytes()
	t.body = r.rest
	t.appID = string(r.bytes())
	t.issued, t.life, t.salt = r.u32(), r.u32(), r.u32()
	t.readRTM(&r)
	return t, !r.bad
}

// readRTM reads the services as far as RTM. Only RTC comes before it. What comes after it
// is signed with the rest, but may have any form.
func (t *token007) readRTM(r *reader) {
	for range r.u16() {
		switch service := r.u16(); {
		case r.bad:
			return
		case service == serviceRTC:
			r.privileges()
			r.bytes() // the channel
			r.bytes() // the uid there
		case service == serviceRTM:
			t.rtm, t.login, t.uid = true, r.privileges(), string(r.bytes())
			return
		default:
			return
		}
	}
}

// check007 gives the uid in a token, and the last second in which it is good, which may be
// over.
func check007(rest string, app App, uid string, now int64) (_ string, last int64, err error) {
	packed, ok := inflate(rest)
	if !ok {
		return "", 0, Malformed
	}
	t, ok := parse007(packed)
	// Some programs give a Unix time as the life, so a sum may need more than 32 bits.
	issued, life, end := int64(t.issued), int64(t.life), int64(t.login[login007])
	_, login := t.login[login007]
	switch {
	case !ok:
		return "", 0, Malformed
	case t.appID != app.ID:
		return "", 0, AppMismatch
	case app.Certificate == "" || !hmac.Equal(t.signature, app.sign007(t.issued, t.salt, t.body)):
		return "", 0, BadSignature
	case !t.rtm:
		return "", 0, NoRTMService
	case !login:
		return "", 0, NoLoginPrivilege
	case t.uid == "" || uid != "" && uid != t.uid:
		return "", 0, UIDMismatch
	case issued > now+seconds(maxSkew):
		return "", 0, NotYetValid
	}
	last = issued + min(life, seconds(MaxLife))
	if end != 0 {
		last = min(last, issued+end)
	}
	return t.uid, last, nil
}

// inflate gives the bytes that base64 and zlib hide, unless they are too many.
func inflate(text string) (packed []byte, ok bool) {
	compressed, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, false
	}
	in := bytes.NewReader(compressed)
	z, err := zlib.NewReader(in)
	if err != nil {
		return nil, false
	}
	// The end is read, too, since the checksum stands there.
	packed, err = io.ReadAll(io.LimitReader(z, maxInflated+1))
	return packed, err == nil && len(packed) <= maxInflated && in.Len() == 0
}

// sign007 signs a body. The numbers are the keys that the certificate is hashed with, and
// not the other way round.
func (a App) sign007(issued, salt uint32, body []byte) []byte {
	key := hash(binary.LittleEndian.AppendUint32(nil, issued), []byte(a.Certificate))
	key = hash(binary.LittleEndian.AppendUint32(nil, salt), key)
	return hash(key, body)
}

func hash(key, message []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(message)
	return mac.Sum(nil)
}

// build007 makes a token.
func (a App) build007(uid string, issued, life, salt uint32) string {
	body := appendBytes(nil, a.ID)
	for _, n := range []uint32{issued, life, salt} {
		body = binary.LittleEndian.AppendUint32(body, n)
	}
	body = binary.LittleEndian.AppendUint16(body, 1) // service
	body = binary.LittleEndian.AppendUint16(body, serviceRTM)
	body = appendPrivilege(body, login007, life)
	body = appendBytes(body, uid)
	packed := append(appendBytes(nil, a.sign007(issued, salt, body)), body...)
	var compressed bytes.Buffer
	z := zlib.NewWriter(&compressed)
	_, _ = z.Write(packed) // a Buffer takes everything
	_ = z.Close()
	return string(V007) + base64.StdEncoding.EncodeToString(compressed.Bytes())
}
