package syncapi

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/chappe-im/chappe/internal/httpapi"
	"github.com/chappe-im/chappe/todevice"
)

// maxTimeout is the longest a client may ask to wait.
const maxTimeout = 5 * time.Minute

// A request is what a client asks of /sync.
type request struct {
	since   *token // nil: an initial sync
	timeout time.Duration
	// fullState asks for an answer at once. There is no other state to give.
	fullState bool
	// filter is a filter or the ID of one; "" for none.
	filter   string
	presence todevice.PresenceState
	// from is the IP address of the client.
	from string
}

// readRequest reads the parameters of GET /sync. Unknown ones are ignored.
//
// https://spec.matrix.org/v1.15/client-server-api/#get_matrixclientv3sync
func readRequest(r *http.Request) (q request, err error) {
	q.from = httpapi.ClientAddress(r)
	if r.URL.RawQuery == "" {
		return q, nil
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
	q.filter = params.Get("filter")
	q.presence, err = readPresence(params.Get("set_presence"))
	return q, err
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

// readPresence reads how present the user is by the word of this client; "" where it
// says nothing, which leaves that as it is.
func readPresence(s string) (todevice.PresenceState, error) {
	if !slices.Contains([]string{"", "online", "offline", "unavailable"}, s) {
		return "", httpapi.InvalidParam("set_presence must be online, offline or unavailable")
	}
	return todevice.PresenceState(s), nil
}
