// Package relay is the one path a message takes in, whichever door it came
// through: validated, made durable, and only then announced.
package relay

import (
	"context"
	"fmt"

	"github.com/matrix-org/gomatrixserverlib/spec"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/chappe-im/chappe/todevice"
)

// Store is what the relay needs of storage, and no more.
type Store interface {
	// Accept commits the batch with the memory of its source, or neither.
	Accept(context.Context, todevice.Batch) (todevice.Accepted, error)
}

// A ServerWaker learns which servers have something new waiting for them.
type ServerWaker interface {
	// Wake is told each server once for each EDU.
	Wake(servers []spec.ServerName)
	// Admit waits a little while more comes for one of the servers than it takes.
	Admit(ctx context.Context, servers []spec.ServerName)
}

// A Relay takes messages in. Its methods may be called from any goroutine.
type Relay struct {
	store   Store
	local   spec.ServerName
	rules   todevice.ServerRules
	devices *Notifier
	servers ServerWaker
	metrics metrics
}

// New makes the relay of the server with the given name. What is for a server that
// the rules do not admit is left out.
func New(store Store, local spec.ServerName, rules todevice.ServerRules, devices *Notifier, servers ServerWaker, registry prometheus.Registerer) *Relay {
	return &Relay{store: store, local: local, rules: rules, devices: devices, servers: servers, metrics: newMetrics(registry)}
}

// Send returns once the batch would survive a crash. Only then is anyone woken.
//
// A batch that is not from another server is refused with
// todevice.ErrContentTooLarge or todevice.ErrContentNotCanonical if a content
// could not be sent on; what another server has sent is taken as it is. The
// errors of [Store] come through.
func (r *Relay) Send(ctx context.Context, b todevice.Batch) (todevice.Accepted, error) {
	if b.Source.Origin == "" {
		if err := validate(b); err != nil {
			r.metrics.countRefusal(err)
			return todevice.Accepted{}, err
		}
	}
	b, live := r.splitLive(b)
	b, denied := r.split(b)
	if len(b.EDUs) > 0 && !b.Unattended {
		r.servers.Admit(ctx, destinations(b.EDUs))
	}
	accepted, err := r.accept(ctx, b)
	if err != nil {
		r.metrics.countRefusal(err)
		return todevice.Accepted{}, fmt.Errorf("relay: %w", err)
	}
	if !accepted.Repeated {
		accepted.Deliveries = append(accepted.Deliveries, r.giveLive(live)...)
	}
	for _, delivery := range accepted.Deliveries {
		if delivery.Live == 0 {
			r.devices.Wake(delivery.Inbox)
		}
	}
	r.servers.Wake(accepted.Servers)
	if !accepted.Repeated {
		accepted.Skipped.DeniedServers = denied
	}
	r.metrics.count(accepted)
	return accepted, nil
}

func destinations(edus []todevice.EDU) []spec.ServerName {
	servers := make([]spec.ServerName, len(edus))
	for i, edu := range edus {
		servers[i] = edu.Destination
	}
	return servers
}

// split moves the messages for other servers out of the sends and packs them, but for
// those to denied servers, which it counts. What another server sent stays here, or
// it would be passed on for ever.
func (r *Relay) split(b todevice.Batch) (_ todevice.Batch, denied int) {
	sends := make([]todevice.Send, len(b.Sends))
	for i, send := range b.Sends {
		var local, remote []todevice.Message
		for _, message := range send.Messages {
			switch {
			case message.To.Server == r.local:
				local = append(local, message)
			case b.Source.Origin != "":
			case !r.rules.Admit(message.To.Server):
				denied++
			default:
				remote = append(remote, message)
			}
		}
		b.EDUs = append(b.EDUs, packEDUs(send, remote)...)
		send.Messages = local
		sends[i] = send
	}
	b.Sends = sends
	return b, denied
}
