package remote

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/chappe-im/chappe/internal/rawjson"
)

// A Refusal is another server's answer where it is not 200.
type Refusal struct {
	Status int
	// ErrCode is the Matrix error code, "" where there is none.
	ErrCode string
	// RetryAfter is how long the server asks to be left alone, 0 where it does not.
	RetryAfter time.Duration
}

func (r *Refusal) Error() string {
	if r.ErrCode == "" {
		return fmt.Sprintf("HTTP %d", r.Status)
	}
	return fmt.Sprintf("HTTP %d %s", r.Status, r.ErrCode)
}

// errCode bounds what of a foreign answer gets into the log.
var errCode = regexp.MustCompile(`^[A-Za-z0-9_.]{1,64}$`)

func refusal(got answer) *Refusal {
	r := &Refusal{Status: got.status}
	body, _ := rawjson.Object(got.body)
	if code, ok := rawjson.Text(body["errcode"]); ok && errCode.MatchString(code) {
		r.ErrCode = code
	}
	if r.Status == http.StatusTooManyRequests || r.Status == http.StatusServiceUnavailable {
		r.RetryAfter = retryAfter(got.header.Get("Retry-After"), body["retry_after_ms"], time.Now())
	}
	return r
}

// retryAfter reads the header, in seconds or as a time, or else the milliseconds
// of the body, which older servers give alone.
func retryAfter(header string, millis []byte, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(at.Sub(now), 0)
	}
	if n, err := strconv.ParseUint(string(millis), 10, 31); err == nil {
		return time.Duration(n) * time.Millisecond
	}
	return 0
}
