package webhooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// A Hook is where the events of an app are sent.
type Hook struct {
	App string
	URL string
	// Secret signs what is sent. Where it begins with "whsec_" the key is what follows,
	// decoded from base64; else it is the key itself.
	Secret string
	Events []todevice.RTMEventType
}

// Stored is the hook as storage knows it. Another secret or other events leave its ID as
// it is, and so what waits for it.
func (h Hook) Stored() todevice.RTMWebhook {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q", h.App, h.URL))
	return todevice.RTMWebhook{ID: hex.EncodeToString(sum[:8]), App: h.App, Events: h.Events}
}

// secretPrefix begins a secret in the form that webhook libraries share.
const secretPrefix = "whsec_"

// minKey is the length in bytes that a key has at least.
const minKey = 16

// Key gives the key that a secret stands for.
func Key(secret string) ([]byte, error) {
	key := []byte(secret)
	if encoded, ok := strings.CutPrefix(secret, secretPrefix); ok {
		var err error
		if key, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return nil, errors.New("what follows whsec_ must be base64")
		}
	}
	if len(key) < minKey {
		return nil, fmt.Errorf("want %d bytes or more", minKey)
	}
	return key, nil
}

// sign gives the signature of a request, as its header has it.
func sign(key []byte, id string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.", id, at.Unix())
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
