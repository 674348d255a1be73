package main

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/chappe-im/chappe/todevice"
)

const (
	uploadPath = "/_matrix/client/v3/keys/upload"
	queryPath  = "/_matrix/client/v3/keys/query"
	claimPath  = "/_matrix/client/v3/keys/claim"

	// oneTimeKeysEach is how many one-time keys a device uploads in a request.
	oneTimeKeysEach = 50

	oneTimeKeyPrefix = todevice.SignedCurve25519 + ":K"

	publicBytes    = 32 // of a key
	signatureBytes = 64
)

// material gives base64 of bytes that look like a key, and are always the same for a
// label: a key need not be remembered to be recognised. No server can tell that there
// is no private key to it, nor has to: what a device uploads it signs for others.
func material(size int, label string) string {
	sum := sha512.Sum512([]byte(label))
	return base64.RawStdEncoding.EncodeToString(sum[:size])
}

// deviceKeys are the identity of a device, in the form and of the size that clients
// upload.
func deviceKeys(p person) json.RawMessage {
	label := p.id() + "/" + p.device
	return fmt.Appendf(nil, `{"algorithms":["m.olm.v1.curve25519-aes-sha2","m.megolm.v1.aes-sha2"],"device_id":%q,`+
		`"keys":{"curve25519:%s":%q,"ed25519:%s":%q},"signatures":{%q:{"ed25519:%s":%q}},"user_id":%q}`,
		p.device, p.device, material(publicBytes, label+"/curve25519"), p.device, material(publicBytes, label+"/ed25519"),
		p.id(), p.device, material(signatureBytes, label), p.id())
}

// crossSigningKeys are those keys of a user that others may see. The first device has
// signed the master key, which has signed the other.
func crossSigningKeys(p person) (master, selfSigning json.RawMessage) {
	masterPublic := material(publicBytes, p.id()+"/master")
	selfPublic := material(publicBytes, p.id()+"/self-signing")
	master = fmt.Appendf(nil, `{"keys":{"ed25519:%s":%q},"signatures":{%q:{"ed25519:%s0":%q}},"usage":["master"],"user_id":%q}`,
		masterPublic, masterPublic, p.id(), deviceID, material(signatureBytes, p.id()+"/master"), p.id())
	selfSigning = fmt.Appendf(nil, `{"keys":{"ed25519:%s":%q},"signatures":{%q:{"ed25519:%s":%q}},"usage":["self_signing"],"user_id":%q}`,
		selfPublic, selfPublic, p.id(), masterPublic, material(signatureBytes, p.id()), p.id())
	return master, selfSigning
}

// oneTimeKeyName names a device's one-time key of a number.
func oneTimeKeyName(number int) string {
	return oneTimeKeyPrefix + strconv.Itoa(number)
}

// oneTimeKey is the key of that name.
func oneTimeKey(p person, number int) json.RawMessage {
	label := p.id() + "/" + p.device + "/" + strconv.Itoa(number)
	return fmt.Appendf(nil, `{"key":%q,"signatures":{%q:{"ed25519:%s":%q}}}`,
		material(publicBytes, label), p.id(), p.device, material(signatureBytes, label))
}

// uploadBody is what a device uploads: its keys, and so many one-time keys. The cross-signing keys of the user stand in it for the floor alone, whom
// nobody has told of them.
func uploadBody(p person, oneTimeKeys int) []byte {
	body := append([]byte(`{"device_keys":`), deviceKeys(p)...)
	if p.crossSigning {
		master, selfSigning := crossSigningKeys(p)
		body = fmt.Appendf(body, `,"im.chappe.bench.cross_signing":{"master":%s,"self_signing":%s}`, master, selfSigning)
	}
	body = append(body, `,"one_time_keys":{`...)
	for number := range oneTimeKeys {
		if number > 0 {
			body = append(body, ',')
		}
		body = fmt.Appendf(body, `%q:%s`, oneTimeKeyName(number), oneTimeKey(p, number))
	}
	return append(body, `}}`...)
}

// sameJSON tells whether two texts are one JSON value, whatever the order of members.
func sameJSON(a, b json.RawMessage) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	p, errP := json.Marshal(x)
	q, errQ := json.Marshal(y)
	return errP == nil && errQ == nil && bytes.Equal(p, q)
}
