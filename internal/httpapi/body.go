package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"unicode/utf8"

	"github.com/gorilla/mux"
)

// DefaultBodyLimit is the size in bytes up to which an endpoint reads a body if
// it has no larger need.
const DefaultBodyLimit = 1 << 20

// ReadBody reads a JSON body of at most limit bytes and returns it as it came.
// Invalid UTF-8 and anything but JSON is M_NOT_JSON, a longer body M_TOO_LARGE.
func ReadBody(r *http.Request, limit int64) (json.RawMessage, error) {
	if r.ContentLength > limit {
		return nil, tooLarge(r, limit)
	}
	body, err := ReadAll(r, limit)
	if err != nil {
		return nil, NotJSON("The body could not be read")
	}
	if int64(len(body)) > limit {
		return nil, tooLarge(r, limit)
	}
	// encoding/json takes invalid UTF-8 and silently replaces it.
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, NotJSON("The body is not JSON")
	}
	return body, nil
}

// believed is the length of a body for which memory is taken before it is there.
const believed = 64 << 10

// ReadAll reads a body as it comes, or one byte more than the limit of it.
func ReadAll(r *http.Request, limit int64) ([]byte, error) {
	if 0 < r.ContentLength && r.ContentLength <= min(believed, limit) {
		body := make([]byte, r.ContentLength)
		_, err := io.ReadFull(r.Body, body)
		return body, err
	}
	var body bytes.Buffer
	_, err := body.ReadFrom(io.LimitReader(r.Body, limit+1))
	return body.Bytes(), err
}

// tooLarge refuses a body. It reads some of the rest first: a client that is
// still writing would otherwise see a broken connection instead of the answer.
func tooLarge(r *http.Request, limit int64) error {
	const patience = 32 << 20
	_, _ = io.CopyN(io.Discard, r.Body, patience)
	return TooLarge(fmt.Sprintf("The body is over %d bytes", limit))
}

// ReadJSON reads a JSON body into target. A body of another shape is M_BAD_JSON.
func ReadJSON(r *http.Request, target any) error {
	body, err := ReadBody(r, DefaultBodyLimit)
	if err != nil {
		return err
	}
	return Decode(body, target)
}

// ReadObject reads a body that is an object.
func ReadObject(r *http.Request) (fields map[string]json.RawMessage, err error) {
	body, err := ReadBody(r, DefaultBodyLimit)
	if err != nil {
		return nil, err
	}
	return fields, Decode(body, &fields)
}

// Decode reads JSON into target; a wrong shape is M_BAD_JSON.
func Decode(body json.RawMessage, target any) error {
	// json.Unmarshal takes null for any shape, and does nothing.
	if bytes.Equal(bytes.TrimSpace(body), []byte("null")) {
		return BadJSON("The body is null")
	}
	if err := json.Unmarshal(body, target); err != nil {
		return BadJSON("The body has the wrong shape: " + err.Error())
	}
	return nil
}

// PathVar gives a component of the path, percent-decoded once.
func PathVar(r *http.Request, name string) (string, error) {
	value, err := url.PathUnescape(mux.Vars(r)[name])
	if err != nil || !utf8.ValidString(value) {
		return "", InvalidParam("The path is not valid percent-encoded UTF-8")
	}
	return value, nil
}
