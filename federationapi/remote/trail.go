package remote

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"
)

// A Step is one thing done on the way to a server.
type Step struct {
	// Name is what was done, Found what came of it; both in words.
	Name, Found string
	// Err is what went wrong, nil if nothing. Not every fault ends the way: a server
	// need not have a well-known file, say.
	Err  error
	Took time.Duration
}

// A trail is the steps taken so far. A nil one keeps none.
type trail struct{ steps []Step }

func (t *trail) note(name string, began time.Time, found string, err error) {
	if t != nil {
		t.steps = append(t.steps, Step{Name: name, Found: found, Err: err, Took: time.Since(began)})
	}
}

func (t *trail) noteDelegation(server spec.ServerName, began time.Time, to spec.ServerName, err error) {
	found := "delegates to " + string(to)
	if err != nil {
		found = "no delegation"
	}
	t.note("well-known file of "+string(server), began, found, err)
}

func (t *trail) noteRecords(service, name string, began time.Time, records []*net.SRV, err error) {
	found := "none"
	if len(records) > 0 {
		err = nil // what could be read is used
		var words []string
		for _, record := range records {
			words = append(words, fmt.Sprintf("%s:%d", strings.TrimSuffix(record.Target, "."), record.Port))
		}
		found = strings.Join(words, ", ")
	}
	if absent(err) {
		err = nil
	}
	t.note(fmt.Sprintf("SRV records _%s._tcp.%s", service, name), began, found, err)
}
