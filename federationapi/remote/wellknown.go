package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/rawjson"
	"github.com/chappe-im/chappe/todevice"
)

const (
	wellKnownLimit     = 50 << 10 // bytes
	wellKnownRedirects = 5

	// How long a delegation is kept: as its headers say within these bounds, or
	// wellKnownLifetime.
	wellKnownLifetime    = 24 * time.Hour
	minWellKnownLifetime = time.Minute
	maxWellKnownLifetime = 48 * time.Hour
	// maxRefusalLifetime is how long it is kept at most that a server says it does not
	// delegate, and faultLifetime how long that the file could not be read.
	maxRefusalLifetime = time.Hour
	faultLifetime      = 5 * time.Minute
)

// A wellKnown reads the files by which servers delegate to another name.
//
// https://spec.matrix.org/v1.15/server-server-api/#getwell-knownmatrixserver
type wellKnown struct {
	http http.Client
}

// errNotDelegated: the server has answered, with something else than a delegation.
var errNotDelegated = errors.New("no delegation")

// delegate gives the name a server delegates to, and for how long that holds. Any
// fault of the file is an error, and means that there is no delegation; how long
// that holds is given too.
func (w *wellKnown) delegate(ctx context.Context, server spec.ServerName) (spec.ServerName, time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+string(server)+"/.well-known/matrix/server", nil)
	if err != nil {
		return "", faultLifetime, err
	}
	response, err := w.http.Do(request)
	if err != nil {
		return "", faultLifetime, withoutURL(err)
	}
	defer func() { _ = response.Body.Close() }() // the connection is not used again
	switch status := response.StatusCode; {
	case status >= http.StatusInternalServerError || status == http.StatusTooManyRequests:
		return "", faultLifetime, fmt.Errorf("HTTP %d", status)
	case status != http.StatusOK:
		return "", min(lifetime(response.Header, time.Now()), maxRefusalLifetime), fmt.Errorf("%w: HTTP %d", errNotDelegated, status)
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, wellKnownLimit+1))
	if err != nil {
		return "", faultLifetime, err
	}
	kept := lifetime(response.Header, time.Now())
	delegated, err := readWellKnown(content)
	if err != nil {
		return "", min(kept, maxRefusalLifetime), err
	}
	return delegated, kept, nil
}

func readWellKnown(content json.RawMessage) (spec.ServerName, error) {
	if len(content) > wellKnownLimit {
		return "", fmt.Errorf("%w: the file is too long", errNotDelegated)
	}
	file, _ := rawjson.Object(content)
	name, _ := rawjson.Text(file["m.server"])
	if !todevice.ValidServerName(spec.ServerName(name)) {
		return "", fmt.Errorf("%w: m.server is not a server name", errNotDelegated)
	}
	return spec.ServerName(name), nil
}

// lifetime reads for how long an answer may be kept.
func lifetime(header http.Header, now time.Time) time.Duration {
	kept := wellKnownLifetime
	if expires, err := http.ParseTime(header.Get("Expires")); err == nil {
		kept = expires.Sub(now)
	}
	for directive := range strings.SplitSeq(strings.Join(header.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch name {
		case "no-store", "no-cache":
			kept = 0
		case "max-age":
			if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
				kept = time.Duration(seconds) * time.Second
			}
		}
	}
	return min(max(kept, minWellKnownLifetime), maxWellKnownLifetime)
}

// onlyHTTPS follows redirects as long as they are secured.
func onlyHTTPS(request *http.Request, via []*http.Request) error {
	if request.URL.Scheme != "https" {
		return errors.New("a redirect leads away from HTTPS")
	}
	if len(via) >= wellKnownRedirects {
		return errors.New("too many redirects")
	}
	return nil
}
