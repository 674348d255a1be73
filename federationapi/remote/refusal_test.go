package remote

import (
	"net/http"
	"testing"
	"time"
)

func TestRefusalTellsWhatTheServerWishes(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		header string
		body   string
		want   Refusal
		words  string
	}{
		{"seconds", 429, "7", `{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":1}`, Refusal{429, "M_LIMIT_EXCEEDED", 7 * time.Second}, "HTTP 429 M_LIMIT_EXCEEDED"},
		{"milliseconds in the body", 429, "", `{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":1500}`, Refusal{429, "M_LIMIT_EXCEEDED", 1500 * time.Millisecond}, "HTTP 429 M_LIMIT_EXCEEDED"},
		{"down for repairs", 503, "120", `<html>`, Refusal{503, "", 2 * time.Minute}, "HTTP 503"},
		{"in the past", 503, "Mon, 02 Jan 2006 15:04:05 GMT", ``, Refusal{503, "", 0}, "HTTP 503"},
		{"a header where it means nothing", 500, "120", `{}`, Refusal{500, "", 0}, "HTTP 500"},
		{"a negative wish", 429, "-5", `{"retry_after_ms":-1}`, Refusal{429, "", 0}, "HTTP 429"},
		{"an errcode that would soil the log", 403, "", `{"errcode":"M_X\nfake log line"}`, Refusal{403, "", 0}, "HTTP 403"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := refusal(answer{status: c.status, header: http.Header{"Retry-After": {c.header}}, body: []byte(c.body)})
			if *got != c.want || got.Error() != c.words {
				t.Errorf("got %+v, %q; want %+v, %q", *got, got, c.want, c.words)
			}
		})
	}
}

func TestRetryAfterMayBeATime(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if got := retryAfter(now.Add(time.Minute).Format(http.TimeFormat), nil, now); got != time.Minute {
		t.Errorf("got %v, want 1m", got)
	}
}
