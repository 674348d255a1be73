package rtmcompat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/chappe-im/chappe/internal/canonicaljson"
	"github.com/chappe-im/chappe/internal/httpapi"
)

// maxBody is the size of a body in bytes beyond which it is not read: a message
// whose every byte is escaped six-fold is far below.
const maxBody = 1 << 20

// An object is a JSON object by its keys, whose case counts; encoding/json would
// ignore it. Of a repeated key the last value counts.
type object map[string]json.RawMessage

// readObject reads the body of a request, which must be a JSON object. null is
// taken for one without keys.
func readObject(r *http.Request) (object, error) {
	if !saysJSON(r.Header.Get("Content-Type")) {
		return nil, &refusal{
			status: http.StatusUnsupportedMediaType, code: codeUnsupportedMediaType,
			message: "the Content-Type must be application/json",
		}
	}
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(body) {
		return nil, invalid("the body is not UTF-8")
	}
	if o, ok := readFlat(body); ok {
		return o, nil
	}
	var o object
	if err := json.Unmarshal(body, &o); err != nil {
		return nil, invalid("the body is not a JSON object")
	}
	return o, nil
}

func readBody(r *http.Request) ([]byte, error) {
	tooLong := invalid(fmt.Sprintf("the body is over %d bytes", maxBody))
	if r.ContentLength > maxBody {
		return nil, tooLong
	}
	body, err := httpapi.ReadAll(r, maxBody)
	switch {
	case err != nil:
		return nil, invalid("the body could not be read")
	case len(body) > maxBody:
		return nil, tooLong
	}
	return body, nil
}

// saysJSON tells whether a Content-Type, if there is one, is that of JSON. Faults
// of its parameters are nobody's concern, since JSON has none.
func saysJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	essence, _, _ := strings.Cut(contentType, ";")
	mediaType, _, err := mime.ParseMediaType(essence)
	return err == nil && mediaType == "application/json"
}

// text gives a string that must be there.
func (o object) text(name string) (string, error) {
	raw, there := o[name]
	if !there {
		return "", invalid(name + " is missing")
	}
	if raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), nil // nothing in it is escaped
	}
	var s string
	if raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", invalid(name + " must be a string")
	}
	// encoding/json would put another character in the place of half a pair.
	if _, err := canonicaljson.Strict(raw); err != nil {
		return "", invalid(name + " has an unpaired surrogate")
	}
	return s, nil
}

// flag gives a boolean, false where it is not there.
func (o object) flag(name string) (bool, error) {
	raw, there := o[name]
	if !there {
		return false, nil
	}
	return parseBool(name, string(raw))
}

// parseBool reads exactly true or false.
func parseBool(name, value string) (bool, error) {
	switch value {
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, invalid(name + " must be true or false")
	}
}
