package clientapi_test

import (
	"context"
	"errors"

	"github.com/chappe-im/chappe/todevice"
)

// otherServers stands for all servers but ours. A test sets how they answer.
type otherServers struct {
	profile func(todevice.UserID, string) (todevice.Profile, error)
}

func (o *otherServers) Profile(_ context.Context, user todevice.UserID, field string) (todevice.Profile, error) {
	if o.profile == nil {
		return todevice.Profile{}, errUnreachable
	}
	return o.profile(user, field)
}

var errUnreachable = errors.New("dial tcp 192.0.2.1:8448: connection refused")

// refusal is what a server's answer is if it is not 200.
type refusal struct {
	status int
	code   string
}

func (refusal) Error() string           { return "refused" }
func (r refusal) Answer() (int, string) { return r.status, r.code }
