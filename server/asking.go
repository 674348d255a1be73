package server

import (
	"context"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/federationapi/devicelists"
	"github.com/chappe-im/chappe/federationapi/queue"
	"github.com/chappe-im/chappe/federationapi/remote"
	"github.com/chappe-im/chappe/todevice"
)

// restingTimeout is how long a server has to answer that has failed of late. It is
// asked all the same, as it may be back.
const restingTimeout = 2 * time.Second

// asking asks other servers about their users. Whoever answers is alive: what waits
// for that server is sent at once.
type asking struct {
	client *remote.Client
	queue  *queue.Queue
}

func (a asking) QueryKeys(ctx context.Context, server spec.ServerName, devices map[todevice.UserID][]string) (keys todevice.RemoteKeys, err error) {
	err = a.ask(ctx, server, func(ctx context.Context) (err error) {
		keys, err = a.client.QueryKeys(ctx, server, devices)
		return err
	})
	return keys, err
}

func (a asking) ClaimKeys(ctx context.Context, server spec.ServerName, claims map[todevice.UserID]map[string]string) (claimed todevice.RemoteClaim, err error) {
	err = a.ask(ctx, server, func(ctx context.Context) (err error) {
		claimed, err = a.client.ClaimKeys(ctx, server, claims)
		return err
	})
	return claimed, err
}

func (a asking) Profile(ctx context.Context, user todevice.UserID, field string) (profile todevice.Profile, err error) {
	err = a.ask(ctx, user.Server, func(ctx context.Context) (err error) {
		profile, err = a.client.Profile(ctx, user, field)
		return err
	})
	return profile, err
}

func (a asking) UserDevices(ctx context.Context, user todevice.UserID) (list todevice.RemoteDeviceList, err error) {
	err = a.ask(ctx, user.Server, func(ctx context.Context) (err error) {
		list, err = a.client.UserDevices(ctx, user)
		return err
	})
	return list, err
}

func (a asking) ask(ctx context.Context, server spec.ServerName, question func(context.Context) error) error {
	if a.queue.Resting(server) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, restingTimeout)
		defer cancel()
	}
	err := question(ctx)
	if err == nil {
		a.queue.PeerAlive(server)
	}
	return err
}

// alive tells all who wait for a server that it was heard of.
type alive struct {
	queue *queue.Queue
	lists *devicelists.Refresher
}

func (a alive) PeerAlive(server spec.ServerName) {
	a.queue.PeerAlive(server)
	a.lists.PeerAlive(server)
}
