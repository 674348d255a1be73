package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// limitedPause is how long to wait where a 429 does not say.
const limitedPause = time.Second

// A refusal is an answer other than 200.
type refusal struct {
	status int
	code   string // the errcode, "" for none
	text   string // the server's words
	hold   time.Duration
	body   []byte
}

func (r *refusal) Error() string {
	if r.code == "" {
		return "status " + strconv.Itoa(r.status)
	}
	return fmt.Sprintf("status %d, %s: %.200q", r.status, r.code, r.text)
}

// limits tells whether the same request is welcome later. No refusal does not.
func (r *refusal) limits() bool { return r != nil && r.status == http.StatusTooManyRequests }

// final tells whether to ask again is in vain. No refusal, which is no answer, is not.
func (r *refusal) final() bool { return r != nil && r.status < 500 }

func refusalOf(status int, header http.Header, body []byte) *refusal {
	var said struct {
		Code         string `json:"errcode"`
		Error        string `json:"error"`
		RetryAfterMS int64  `json:"retry_after_ms"`
	}
	_ = json.Unmarshal(body, &said) // a proxy's answer is no JSON
	r := &refusal{status: status, code: said.Code, text: said.Error, hold: limitedPause, body: body}
	// The header is newer, and goes before the field.
	// https://spec.matrix.org/v1.15/client-server-api/#rate-limiting
	if seconds, err := strconv.Atoi(header.Get("Retry-After")); err == nil && seconds >= 0 {
		r.hold = min(time.Duration(seconds), 1e6) * time.Second
	} else if at, err := http.ParseTime(header.Get("Retry-After")); err == nil {
		r.hold = max(time.Until(at), 0)
	} else if said.RetryAfterMS > 0 {
		r.hold = min(time.Duration(said.RetryAfterMS), 1e9) * time.Millisecond
	}
	return r
}
