package rtmcompat

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// handleLife is how long a handle is good.
const handleLife = time.Hour

// handles makes and reads the handles of history queries. A handle is the query itself,
// sealed for the app and the credential that made it: there is nothing to keep.
type handles struct {
	key []byte
}

// newHandles makes the handles of a database: its epoch is random and known to nobody,
// and stays over restarts.
func newHandles(epoch []byte) handles {
	return handles{key: seal(epoch, []byte("history handles"))}
}

func seal(key, text []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(text)
	return mac.Sum(nil)
}

// A handleBody is what a handle stands for.
type handleBody struct {
	Query   todevice.RTMQuery
	Page    todevice.RTMPage
	Expires int64 // Unix milliseconds
}

// make gives a handle of URL-safe base64: the seal, then the body.
func (h handles) make(c caller, query todevice.RTMQuery, page todevice.RTMPage, now time.Time) (string, error) {
	body, err := json.Marshal(handleBody{Query: query, Page: page, Expires: now.Add(handleLife).UnixMilli()})
	if err != nil {
		return "", fmt.Errorf("write a handle: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(append(h.sealFor(c, body), body...)), nil
}

func (h handles) sealFor(c caller, body []byte) []byte {
	return seal(h.key, fmt.Appendf(nil, "%q %q %s", c.app.ID, c.credential, body))
}

// read gives what a handle stands for, and false for one that this caller was not given,
// or that has expired.
func (h handles) read(c caller, handle string, now time.Time) (query todevice.RTMQuery, page todevice.RTMPage, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(handle)
	if err != nil || len(raw) < sha256.Size {
		return query, page, false
	}
	mac, text := raw[:sha256.Size], raw[sha256.Size:]
	var body handleBody
	if !hmac.Equal(mac, h.sealFor(c, text)) || json.Unmarshal(text, &body) != nil {
		return query, page, false
	}
	return body.Query, body.Page, now.UnixMilli() < body.Expires
}
