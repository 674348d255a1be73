package keys_test

import (
	"context"
	"errors"
	"sync"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

// otherServers stands for all servers but ours. A test sets how they answer.
type otherServers struct {
	query func(context.Context, spec.ServerName, map[todevice.UserID][]string) (todevice.RemoteKeys, error)
	claim func(context.Context, spec.ServerName, map[todevice.UserID]map[string]string) (todevice.RemoteClaim, error)

	mu    sync.Mutex
	asked []spec.ServerName // guarded by mu
}

func (o *otherServers) note(server spec.ServerName) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked = append(o.asked, server)
}

func (o *otherServers) QueryKeys(ctx context.Context, server spec.ServerName, devices map[todevice.UserID][]string) (todevice.RemoteKeys, error) {
	o.note(server)
	if o.query == nil {
		return todevice.RemoteKeys{}, errUnreachable
	}
	return o.query(ctx, server, devices)
}

func (o *otherServers) ClaimKeys(ctx context.Context, server spec.ServerName, claims map[todevice.UserID]map[string]string) (todevice.RemoteClaim, error) {
	o.note(server)
	if o.claim == nil {
		return nil, errUnreachable
	}
	return o.claim(ctx, server, claims)
}

var errUnreachable = errors.New("dial tcp 192.0.2.1:8448: connection refused")

// refusal is what a server's answer is if it is not 200.
type refusal struct {
	status int
	code   string
}

func (refusal) Error() string           { return "refused" }
func (r refusal) Answer() (int, string) { return r.status, r.code }
