package syncapi

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chappe-im/chappe/internal/httpapi"
)

// maxTimeout is the longest a client may ask to wait.
const maxTimeout = 5 * time.Minute

// A request is what a client asks of /sync.
type request struct {
	since   *token // nil: an initial sync
	timeout time.Duration
	// fullState asks for an answer at once. There is no other state to give.
	fullState bool
}

// readRequest reads the parameters of GET /sync. Unknown ones are ignored.
//
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3sync
func readRequest(r *http.Request) (q request, err error) {
	if r.URL.RawQuery == "" {
		return request{}, nil
	}
	params, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return request{}, httpapi.InvalidParam("The query string is malformed")
	}
	if s := params.Get("since"); s != "" {
		since, err := parseToken(s)
		if err != nil {
			return request{}, httpapi.InvalidParam("since is not a token of this server; sync once without it")
		}
		q.since = &since
	}
	if q.timeout, err = readTimeout(params.Get("timeout")); err != nil {
		return request{}, err
	}
	if q.fullState, err = readBool(params, "full_state"); err != nil {
		return request{}, err
	}
	if err := checkPresence(params.Get("set_presence")); err != nil {
		return request{}, err
	}
	return q, checkFilter(params.Get("filter"))
}

func readTimeout(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	ms, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, httpapi.InvalidParam("timeout must be a number of milliseconds")
	}
	return time.Duration(min(max(ms, 0), maxTimeout.Milliseconds())) * time.Millisecond, nil
}

func readBool(params url.Values, name string) (bool, error) {
	switch params.Get(name) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, httpapi.InvalidParam(name + " must be true or false")
}

func checkPresence(s string) error {
	if !slices.Contains([]string{"", "online", "offline", "unavailable"}, s) {
		return httpapi.InvalidParam("set_presence must be online, offline or unavailable")
	}
	return nil
}

// checkFilter takes a filter written out, which changes nothing about to-device
// messages. A filter's ID would have to be one that was made here; none can be
// made yet.
func checkFilter(s string) error {
	switch {
	case s == "":
		return nil
	case !strings.HasPrefix(s, "{"):
		return httpapi.InvalidParam("There is no filter of this ID")
	case !json.Valid([]byte(s)):
		return httpapi.InvalidParam("filter is not JSON")
	}
	return nil
}
