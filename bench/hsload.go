package main

import (
	"context"
	"crypto/rand"
	"strings"
	"time"
)

// An hsResult is what a load did while it was measured.
type hsResult struct {
	result
	limited, failed int64 // as homeserver counts them, of the whole load
}

// newLoad makes a load in which sender i sends to receiver i modulo their number;
// perSecond is the rate of all senders together, 0 for as fast as they get answers.
func (h *homeserver) newLoad(o options, senders, receivers []*hsAccount, perSecond float64) *load {
	l := &load{options: o, say: h.say, totals: &totals{begin: time.Now()}, disconnect: func() {}}
	codec := newCodec(o.size)
	tag := strings.ToLower(rand.Text()[:8])
	var from []string
	for i, a := range senders {
		l.addSender(&hsOutlet{h: h, account: a, to: receivers[i%len(receivers)], codec: codec, tag: tag})
		from = append(from, a.userID)
	}
	for _, a := range receivers {
		l.addReceiver(&hsInlet{h: h, account: a, codec: codec, tag: tag, senders: from}, len(receivers))
	}
	l.keepPace(perSecond)
	return l
}

// run runs a load, and tells how often the server made it wait.
func (h *homeserver) run(ctx context.Context, l *load) (r hsResult, err error) {
	limited, failed := h.limited.Load(), h.failed.Load()
	r.result, err = l.run(ctx)
	r.limited, r.failed = h.limited.Load()-limited, h.failed.Load()-failed
	return r, err
}
