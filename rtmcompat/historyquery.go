package rtmcompat

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/chappe-im/chappe/todevice"
)

// The sizes of a page of the history in messages.
const (
	defaultPage = 20
	maxPage     = 100
)

// maxOffset is the greatest number of messages that a page may come after.
const maxOffset = 1<<31 - 1

// A historyFilter says which messages are asked for, as the caller writes it. Of source
// and destination one may be "".
type historyFilter struct {
	source      string // an uid, or a full Matrix user ID
	destination string // the same, or a channel
	from, until time.Time
}

// A historyQuery is a filter and the page that is wanted of what it finds.
type historyQuery struct {
	filter historyFilter
	page   todevice.RTMPage
}

// A queryMade is the answer to a query: where its result can be read.
type queryMade struct {
	Result    string `json:"result"` // always "success"
	RequestID string `json:"request_id"`
	Offset    int    `json:"offset"`
	Limit     int    `json:"limit"`
	Order     string `json:"order"`
	// Location is a path; "~" at its beginning stands for that of the app.
	Location string `json:"location"`
}

// readHistoryQuery reads POST /dev/v2/project/{appId}/rtm/message/history/query.
func readHistoryQuery(r *http.Request) (q historyQuery, err error) {
	body, err := readObject(r)
	if err != nil {
		return q, err
	}
	filter, err := body.object("filter")
	if err != nil {
		return q, err
	}
	if q.filter, err = readFilter(filter.optionalText); err != nil {
		return q, err
	}
	q.page, err = body.page()
	return q, err
}

func (o object) page() (page todevice.RTMPage, err error) {
	if page.Offset, err = o.number("offset", 0, 0, maxOffset); err != nil {
		return page, err
	}
	if page.Limit, err = o.number("limit", defaultPage, 1, maxPage); err != nil {
		return page, err
	}
	order, err := o.optionalText("order")
	switch {
	case err != nil:
		return page, err
	case order == "desc":
		page.Descending = true
	case order != "asc" && o["order"] != nil:
		return page, invalid("order must be asc or desc")
	}
	return page, nil
}

// orderOf is the word for the order of a page.
func orderOf(page todevice.RTMPage) string {
	if page.Descending {
		return "desc"
	}
	return "asc"
}

// readFilter reads the four parts of a filter, "" where one is missing.
func readFilter(part func(name string) (string, error)) (f historyFilter, err error) {
	if f.source, err = readName(part, "source"); err != nil {
		return f, err
	}
	if f.destination, err = readName(part, "destination"); err != nil {
		return f, err
	}
	if f.source == "" && f.destination == "" {
		return f, invalid("source and destination must not both be empty")
	}
	if f.from, err = readTime(part, "start_time"); err != nil {
		return f, err
	}
	if f.until, err = readTime(part, "end_time"); err != nil {
		return f, err
	}
	if f.until.Before(f.from) {
		return f, invalid("end_time must not be before start_time")
	}
	return f, nil
}

func readName(part func(string) (string, error), name string) (string, error) {
	value, err := part(name)
	if err != nil || value == "" {
		return "", err
	}
	if _, full := matrixID(value); !full && !validUID(value) {
		return "", invalid(name + " must be a Matrix user ID or " + uidRule)
	}
	return value, nil
}

// readTime reads a time of RFC 3339 in UTC. time.Parse takes a comma before the fraction,
// and hours of one digit, too.
func readTime(part func(string) (string, error), name string) (time.Time, error) {
	value, err := part(name)
	if err != nil {
		return time.Time{}, err
	}
	at, err := time.Parse(time.RFC3339, value)
	if err != nil || !strings.HasSuffix(value, "Z") || value[13] != ':' || strings.Contains(value, ",") {
		return time.Time{}, invalid(name + " must be a time in UTC such as 2006-01-02T15:04:05Z")
	}
	return at, nil
}

// object gives an object that must be there.
func (o object) object(name string) (inner object, err error) {
	raw, there := o[name]
	if !there {
		return nil, invalid(name + " is missing")
	}
	if raw[0] != '{' || json.Unmarshal(raw, &inner) != nil {
		return nil, invalid(name + " must be an object")
	}
	return inner, nil
}

// optionalText gives a string, "" where it is not there.
func (o object) optionalText(name string) (string, error) {
	if _, there := o[name]; !there {
		return "", nil
	}
	return o.text(name)
}

// number gives a whole number within bounds, or a default where it is not there.
func (o object) number(name string, without, least, most int) (int, error) {
	raw, there := o[name]
	if !there {
		return without, nil
	}
	n, err := strconv.Atoi(string(raw))
	if err != nil || n < least || n > most {
		return 0, invalid(fmt.Sprintf("%s must be a whole number from %d to %d", name, least, most))
	}
	return n, nil
}

// queryHistory answers with a handle that stands for the query. Nothing is read yet but
// whether the caller may.
func (s *Server) queryHistory(ctx context.Context, c caller, q historyQuery) (queryMade, error) {
	query, err := s.allowedQuery(ctx, c, q.filter)
	if err != nil {
		return queryMade{}, err
	}
	handle, err := s.handles.make(c, query, q.page, time.Now())
	return queryMade{
		Result: "success", RequestID: c.requestID,
		Offset: q.page.Offset, Limit: q.page.Limit, Order: orderOf(q.page),
		Location: "~/rtm/message/history/query/" + handle,
	}, err
}
