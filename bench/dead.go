package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/todevice"
)

const (
	deadScenario = "dead"
	// perRequest is how many of the dead servers one request sends to.
	perRequest = 100
	// maxForDead is how much more memory the dead servers may take.
	maxForDead = 20 << 20
)

// A burden is what servers that are down cost, in bytes.
type burden struct {
	before, after int64
	verdict       verdict
}

// dead measures the memory of a server that has something for many others, all of
// them down.
func (b *bench) dead(ctx context.Context) error {
	b.say("%s: one Chappe, and %d servers that are down", deadScenario, b.deadServers)
	d, err := newDeployment(filepath.Join(b.dir, deadScenario), aloneServer)
	if err != nil {
		return err
	}
	sender := people("s", 1, d.name)
	if err := d.prepare(ctx, sender); err != nil {
		return err
	}
	r, err := b.runDead(ctx, d, sender[0])
	if err != nil {
		return fmt.Errorf("%s: %w", deadScenario, err)
	}
	more := float64(r.after - r.before)
	b.report.judgeAlone(deadScenario, r.verdict)
	group := b.report.group(deadScenario, "a message waits for each of %d servers, which refuse connections", b.deadServers)
	const mib = 1 << 20
	group.addAlone("RSS before, MiB", float64(r.before)/mib)
	group.addAlone("RSS more once all have failed, MiB", more/mib).want("<= 20", more <= maxForDead)
	group.addAlone("bytes per destination", more/float64(b.deadServers))
	return nil
}

// deadServer names a server that is down: an address of loopback, and a port where
// nobody listens. Ten thousand names in the configuration would be read before the
// memory is, and what that leaves behind hides what is measured.
func deadServer(i int) spec.ServerName {
	return spec.ServerName(fmt.Sprintf("127.1.%d.%d:1", i/250, i%250+1))
}

func (b *bench) runDead(ctx context.Context, d *deployment, sender person) (r burden, err error) {
	p, err := b.startChappe(ctx, d, deadScenario)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	if err := pause(ctx, settle); err != nil {
		return r, err
	}
	if r.before, err = p.memory(); err != nil {
		return r, err
	}
	if err := b.sendToDead(ctx, p, sender); err != nil {
		return r, err
	}
	trying, cancel := context.WithTimeout(ctx, b.drainFor)
	defer cancel()
	begin := time.Now()
	err = awaitOutbox(trying, d, time.Second, func(waiting []todevice.Destination) bool {
		r.verdict.Lost = int64(b.deadServers - len(waiting))
		return r.verdict.Lost > 0 || haveFailed(waiting)
	})
	if err != nil {
		return r, err
	}
	b.say("  all have failed after %v", time.Since(begin).Round(time.Millisecond))
	if err := pause(ctx, settle); err != nil {
		return r, err
	}
	r.after, err = p.memory()
	return r, err
}

// haveFailed tells whether each server has been tried in vain.
func haveFailed(waiting []todevice.Destination) bool {
	for _, d := range waiting {
		if d.Failures == 0 {
			return false
		}
	}
	return true
}

// sendToDead sends a message to a device of each of the servers.
func (b *bench) sendToDead(ctx context.Context, p *process, sender person) error {
	transport := newTransport()
	defer transport.CloseIdleConnections()
	session, codec := newSession(transport, p.address, sender), newCodec(b.size)
	for first := 0; first < b.deadServers; first += perRequest {
		var body bytes.Buffer
		body.WriteString(`{"messages":{`)
		for i := first; i < min(first+perRequest, b.deadServers); i++ {
			if i > first {
				body.WriteByte(',')
			}
			to := person{localpart: "r", server: deadServer(i)}
			fmt.Fprintf(&body, `%q:{%q:%s}`, to.id(), deviceID, codec.append(nil, message{seq: int64(i)}))
		}
		body.WriteString(`}}`)
		if err := session.put(ctx, strconv.Itoa(first), body.Bytes()); err != nil {
			return err
		}
	}
	return nil
}
