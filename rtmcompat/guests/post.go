package guests

import (
	"context"
	"sync"

	"github.com/sirupsen/logrus"

	"github.com/chappe-im/chappe/todevice"
)

// maxWaiting is how many messages may wait for the disk. What comes then is lost: it is
// what sessions say, faster than can be written.
const maxWaiting = 10_000

// A post sends messages to guests one after another, in the order it was given them.
type post struct {
	sender Sender
	log    *logrus.Entry
	news   chan struct{} // gets a value when something waits

	// sending is held while anything is sent. It is taken before mu.
	sending sync.Mutex

	mu      sync.Mutex
	waiting []func() (todevice.Send, error) // guarded by mu
	lost    int                             // guarded by mu
}

// put has a message be sent soon. It does not block.
func (p *post) put(write func() (todevice.Send, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) >= maxWaiting {
		p.lost++
		return
	}
	p.waiting = append(p.waiting, write)
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// send sends a batch, after all that was put before. A guest of a server for which much
// waits holds nobody up: all channels of the app go this way.
func (p *post) send(ctx context.Context, b todevice.Batch) (todevice.Accepted, error) {
	p.sending.Lock()
	defer p.sending.Unlock()
	p.drain(ctx)
	b.Unattended = true
	return p.sender.Send(ctx, b)
}

// run sends what is put, until ctx ends.
func (p *post) run(ctx context.Context) {
	for {
		select {
		case <-p.news:
			p.sending.Lock()
			p.drain(ctx)
			p.sending.Unlock()
		case <-ctx.Done():
			return
		}
	}
}

// drain sends what waits, together. It is called with sending held.
func (p *post) drain(ctx context.Context) {
	p.mu.Lock()
	waiting, lost := p.waiting, p.lost
	p.waiting, p.lost = nil, 0
	p.mu.Unlock()
	if lost > 0 {
		p.log.WithField("messages", lost).Warn("more was said in channels than guests can be sent; some do not get it")
	}
	batch := todevice.Batch{Unattended: true}
	for _, write := range waiting {
		send, err := write()
		if err != nil {
			p.log.WithError(err).Warn("could not write a message to guests of a channel")
			continue
		}
		batch.Sends = append(batch.Sends, send)
	}
	if len(batch.Sends) == 0 {
		return
	}
	// What sessions say is not kept for a time when it can be sent: it would be late.
	if _, err := p.sender.Send(context.WithoutCancel(ctx), batch); err != nil {
		p.log.WithError(err).Error("could not send to the guests of channels")
	}
}
