package rtmcompat

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/chappe-im/chappe/todevice"
)

// maxKey is the greatest length of the key of a request in characters.
const maxKey = 255

// readKey gives the key of a request, "" where it has none. It is in a header or in the
// query; where it is in both, they are the same.
func readKey(header http.Header, query url.Values) (key string, err error) {
	for i, value := range append(header.Values("Idempotency-Key"), query["request_id"]...) {
		if !validKey(value) {
			return "", invalid(fmt.Sprintf("Idempotency-Key, or request_id, must be 1 to %d characters of visible ASCII", maxKey))
		}
		if i > 0 && value != key {
			return "", invalid("Idempotency-Key and request_id are more than one key")
		}
		key = value
	}
	return key, nil
}

// readRequestKey is readKey for a request of which no more of the query is looked at.
func readRequestKey(r *http.Request) (string, error) {
	parameters, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "", invalid("the query is not valid")
	}
	return readKey(r.Header, parameters)
}

func validKey(key string) bool {
	if key == "" || len(key) > maxKey {
		return false
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return false
		}
	}
	return true
}

// request gives what is to be remembered of a message with a key, nil for one without.
func (m peerMessage) request(c caller, from todevice.UserID) *todevice.RTMRequest {
	if m.key == "" {
		return nil
	}
	// With the key, so that a short payload cannot be guessed from the hash.
	body := fmt.Appendf(nil, "%q %q %q %t", m.key, m.destination, m.payload, m.keep)
	if m.record {
		body = append(body, " recorded"...)
	}
	return &todevice.RTMRequest{App: c.app.ID, Sender: from.Localpart, Key: m.key, Body: sha256.Sum256(body), AnswerID: c.requestID}
}

// before gives the answer to an earlier request of the same key, nil where there was
// none. It comes before all that a new message may change.
func (s *Server) before(ctx context.Context, request *todevice.RTMRequest) (*todevice.RTMAnswer, error) {
	if request == nil {
		return nil, nil
	}
	answer, err := s.store.RTMAnswer(ctx, *request)
	if errors.Is(err, todevice.ErrKeyReused) {
		return nil, keyReused()
	}
	return answer, err
}

func keyReused() error {
	return &refusal{
		status: http.StatusConflict, code: codeConflict,
		message: "the key of this request was used for a request with another body",
	}
}
