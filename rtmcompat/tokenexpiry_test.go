package rtmcompat_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chappe-im/chappe/rtmcompat/rtmtoken"
)

// Decision D6.
func TestThePrivilegeOfATokenEndsWithItsOwnExpiryAndTheTokenAfterADay(t *testing.T) {
	const day = 24 * time.Hour
	cases := []struct {
		name      string
		privilege time.Duration // when the privilege expires; 0: never
		age       time.Duration
		status    int
	}{
		{"no expiry", 0, 0, good},
		{"no expiry, last second of the token", 0, day, good},
		{"no expiry, a second after it", 0, day + time.Second, bad},
		{"last second of the privilege", time.Minute, time.Minute, good},
		{"a second after it", time.Minute, time.Minute + time.Second, bad},
		{"privilege in the past", -time.Second, 0, bad},
		{"privilege outlives the token", 2 * day, day, good},
		{"but the token has ended", 2 * day, day + time.Second, bad},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				privilege := uint32(0)
				if c.privilege != 0 {
					privilege = uint32(time.Now().Add(c.privilege).Unix())
				}
				made := vendorToken("alice", uint32(time.Now().Add(day).Unix()), privilege)
				time.Sleep(c.age)
				a := r.do(requestWith(peerPath("alice"), object(), "x-ar-token", made, "x-ar-uid", "alice"))
				a.want(t, c.status, map[int]string{good: "message_sent", bad: "unauthorized"}[c.status])
			})
		})
	}
}

// vendorToken makes a token of the format 006 as the vendors' builders do, with ends that
// rtmtoken.Build does not give: end is its own, privilege that of the login.
func vendorToken(uid string, end, privilege uint32) string {
	le := binary.LittleEndian
	message := le.AppendUint32(nil, 1) // salt
	message = le.AppendUint32(message, end)
	message = le.AppendUint16(message, 1) // privileges
	message = le.AppendUint16(message, 1000)
	message = le.AppendUint32(message, privilege)
	mac := hmac.New(sha256.New, []byte(certificate))
	mac.Write([]byte(appID + uid))
	mac.Write(message)
	content := append(le.AppendUint16(nil, sha256.Size), mac.Sum(nil)...)
	content = le.AppendUint32(content, crc32.ChecksumIEEE([]byte(uid)))
	content = le.AppendUint32(content, 0)
	content = append(le.AppendUint16(content, uint16(len(message))), message...)
	return string(rtmtoken.V006) + appID + base64.StdEncoding.EncodeToString(content)
}
