package syncapi

import (
	"errors"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/chappe-im/chappe/internal/httpapi"
)

func TestParametersAreReadAsTheSpecificationSays(t *testing.T) {
	since := token{epoch: 1, inbox: 2}
	for _, c := range []struct {
		query string
		want  request
		ok    bool
	}{
		{"", request{}, true},
		{"timeout=30000", request{timeout: 30 * time.Second}, true},
		{"timeout=0", request{}, true},
		{"timeout=-1", request{}, true},
		{"timeout=999999999999", request{timeout: maxTimeout}, true},
		{"timeout=soon", request{}, false},
		{"timeout=1.5", request{}, false},
		{"since=", request{}, true},
		{"since=nonsense", request{}, false},
		{"full_state=true", request{fullState: true}, true},
		{"full_state=false", request{}, true},
		{"full_state=maybe", request{}, false},
		{"set_presence=offline", request{presence: "offline"}, true},
		{"set_presence=away", request{}, false},
		{"filter=" + url.QueryEscape(`{"room":{}}`), request{filter: `{"room":{}}`}, true},
		{"filter=12", request{filter: "12"}, true},
		{"use_state_after=true&org.matrix.msc4222.use_state_after=true&_cacheBuster=1", request{}, true},
		{"timeout=%zz", request{}, false},
	} {
		got, err := readRequest(httptest.NewRequest("GET", "/?"+c.query, nil))
		if got.from != "192.0.2.1" && err == nil { // httptest's
			t.Errorf("%q: from %q", c.query, got.from)
		}
		got.from = ""
		var answer *httpapi.Error
		switch {
		case c.ok && (err != nil || got != c.want):
			t.Errorf("%q: %+v, %v; want %+v", c.query, got, err, c.want)
		case !c.ok && (!errors.As(err, &answer) || answer.Status != 400):
			t.Errorf("%q: %+v, %v; want 400", c.query, got, err)
		}
	}
	got, err := readRequest(httptest.NewRequest("GET", "/?since="+since.String(), nil))
	if err != nil || *got.since != since {
		t.Errorf("since %s: %+v, %v", since, got.since, err)
	}
}
