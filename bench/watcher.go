package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"
)

// A watcher is a device that syncs to hear whose devices have changed.
type watcher struct {
	session *session
	since   string
}

// look syncs, and gives the IDs of those whose devices have changed.
func (w *watcher) look(ctx context.Context, timeout time.Duration) ([]string, error) {
	response, err := w.session.sync(ctx, w.since, timeout)
	if err != nil {
		return nil, err
	}
	w.since, err = nextBatch(response)
	return changedUsers(response), err
}

// settle syncs until there is nothing to hear, as of now.
func (w *watcher) settle(ctx context.Context) error {
	if _, err := w.look(ctx, 0); err != nil { // the first gives a token
		return err
	}
	for {
		changed, err := w.look(ctx, 0)
		if err != nil || len(changed) == 0 {
			return err
		}
	}
}

// changedUsers finds the user IDs of device_lists.changed in a /sync response. Those of
// a benchmark have nothing in them that JSON writes differently.
func changedUsers(response []byte) []string {
	_, rest, _ := bytes.Cut(response, []byte(`"device_lists":{"changed":[`))
	list, _, _ := bytes.Cut(rest, []byte(`]`))
	var users []string
	for _, quoted := range bytes.Split(list, []byte(`,`)) {
		if len(quoted) > 0 {
			users = append(users, string(bytes.Trim(quoted, `"`)))
		}
	}
	return users
}

// judgeChanges says what is wrong with a list that should hold one user, once.
func judgeChanges(changed []string, want string) (v verdict) {
	found := int64(0)
	for _, user := range changed {
		if user == want {
			found++
		} else {
			v.Misdelivered++
		}
	}
	v.Lost, v.Duplicated = max(1-found, 0), max(found-1, 0)
	return v
}

// rename gives the device of a session another name, which those who are interested
// must hear of.
func (s *session) rename(ctx context.Context, number int) error {
	_, err := s.do(ctx, http.MethodPut, devicePath, "", fmt.Appendf(nil, `{"display_name":"name %d"}`, number))
	return err
}
