package rtmcompat

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// maxEventsWait is how long a request may wait for an event.
const maxEventsWait = 60 * time.Second

// An eventsQuery asks for events of one stream.
type eventsQuery struct {
	// reads is true for a caller who keeps a cursor and takes nothing away. Else the
	// events are drained.
	reads bool
	after *eventCursor // nil for the beginning
	wait  time.Duration
}

// An eventCursor is a place in a stream of one database.
type eventCursor struct {
	epoch  string
	number int64
}

// readEventsQuery reads the query of the endpoints that tell events: after and wait,
// both our own.
func readEventsQuery(r *http.Request) (q eventsQuery, err error) {
	parameters, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return q, invalid("the query is not valid")
	}
	after, wait := parameters["after"], parameters["wait"]
	switch {
	case len(after) > 1 || len(wait) > 1:
		return q, invalid("after or wait is given more than once")
	case len(after) == 0 && len(wait) == 1:
		return q, invalid("wait goes with after only")
	case len(after) == 0:
		return q, nil
	}
	q.reads = true
	if len(wait) == 1 {
		seconds, err := strconv.ParseUint(wait[0], 10, 8)
		if q.wait = time.Duration(seconds) * time.Second; err != nil || q.wait > maxEventsWait {
			return q, invalid("wait must be a whole number of seconds, 0 to 60")
		}
	}
	if after[0] != "" {
		q.after, err = parseEventCursor(after[0])
	}
	return q, err
}

func parseEventCursor(s string) (*eventCursor, error) {
	epoch, digits, _ := strings.Cut(s, "_")
	_, err := hex.DecodeString(epoch)
	number, noNumber := strconv.ParseUint(digits, 10, 63)
	if err != nil || noNumber != nil || len(epoch) != 8 {
		return nil, invalid("after must be the next of an answer, or empty for the beginning")
	}
	return &eventCursor{epoch: epoch, number: int64(number)}, nil
}

// eventEpoch tells the cursors of this database from those of another. It shows nothing of
// the epoch, which seals handles of the history.
func (s *Server) eventEpoch() string {
	sum := sha256.Sum256(append([]byte("RTM events "), s.store.Epoch()...))
	return hex.EncodeToString(sum[:4])
}

// cursor writes a place in a stream.
func (s *Server) cursor(place int64) string { return fmt.Sprintf("%s_%d", s.eventEpoch(), place) }

// place gives the place a cursor means. One of another database means none there is, so
// that its owner hears of a loss.
func (s *Server) place(c *eventCursor) int64 {
	switch {
	case c == nil:
		return todevice.RTMBeginning
	case c.epoch != s.eventEpoch():
		return math.MaxInt64
	default:
		return c.number
	}
}
