package rtmcompat_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestOnlyJSONIsTaken(t *testing.T) {
	cases := map[string]int{
		"":                                  200,
		"application/json":                  200,
		"application/json;charset=utf-8":    200,
		"application/json; charset=UTF-8":   200,
		"Application/JSON":                  200,
		" application/json ":                200,
		"application/json;":                 200,
		"application/json; charset":         200,
		"application/json;charset=\"utf-8":  200,
		"text/plain":                        415,
		"application/x-www-form-urlencoded": 415,
		"multipart/form-data; boundary=x":   415,
		"application/jsonp":                 415,
		"application/xml":                   415,
		"json":                              415,
		"application":                       415,
		";charset=utf-8":                    415,
	}
	r := newRig(t)
	for contentType, status := range cases {
		t.Run(contentType, func(t *testing.T) {
			req := request(peerPath("alice"), object())
			req.Header.Del("Content-Type")
			if contentType != "" {
				req.Header.Set("Content-Type", contentType)
			}
			r.do(req).want(t, status, map[int]string{200: "message_sent", 415: "unsupported_media_type"}[status])
		})
	}
}

// A countingReader gives letters without end and counts them.
type countingReader struct{ read int }

func (c *countingReader) Read(p []byte) (int, error) {
	c.read += len(p)
	return copy(p, strings.Repeat("x", len(p))), nil
}

func TestABodyFarTooLongIsNotReadToItsEnd(t *testing.T) {
	r := newRig(t)
	// A length of -1 is not declared.
	for length, most := range map[int64]int{-1: 2 << 20, 1<<20 + 1: 0, 1 << 40: 0} {
		body := new(countingReader)
		req := request(peerPath("alice"), "")
		req.Body, req.ContentLength = io.NopCloser(body), length
		r.do(req).want(t, http.StatusBadRequest, "invalid_parameter")
		if body.read > most {
			t.Errorf("%d bytes of a body with Content-Length %d were read", body.read, length)
		}
	}
}

func TestABodyThatBreaksOffIsRefused(t *testing.T) {
	r := newRig(t)
	req := request(peerPath("alice"), "")
	req.Body, req.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader(object()), brokenReader{})), -1
	r.do(req).want(t, http.StatusBadRequest, "invalid_parameter")
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
