package main

import (
	"context"
	"errors"
)

const rtmIdleScenario = "rtm-idle"

// rtmIdle measures what a server needs for each session in which nothing happens but
// that its client says every keepAliveEvery that it is there.
func (b *bench) rtmIdle(ctx context.Context) error {
	c, err := bothRTM(ctx, b, rtmIdleScenario, b.rtmFootprint)
	if err != nil {
		return err
	}
	c.judge(&b.report, rtmIdleScenario, footprint.judged)
	group := b.report.group(rtmIdleScenario, "%d sessions are logged in", b.sessions)
	c.add(group, "RSS after start, MiB", footprint.mibAtRest)
	c.add(group, "RSS per idle session, KiB", footprint.kibPerPoll).want("<= 45", c.chappe.kibPerPoll() <= 45)
	return nil
}

// rtmFootprint measures, and then has all join the channel and sends a message to it, as
// proof that they were there.
func (b *bench) rtmFootprint(ctx context.Context, p *process) (f footprint, err error) {
	if err := pause(ctx, settle); err != nil {
		return f, err
	}
	before, err := p.memory()
	if err != nil {
		return f, err
	}
	c, err := b.gather(ctx, p, b.sessions)
	if err != nil {
		return f, err
	}
	if err = pause(ctx, keepAliveEvery+settle); err == nil {
		var after int64
		after, err = p.memory()
		f.atRest, f.perPoll = float64(before), float64(after-before)/float64(b.sessions)
	}
	if err == nil {
		err = c.join(ctx)
	}
	if err == nil {
		_, err = c.publish(ctx, 0)
	}
	var closed error
	f.verdict, closed = c.close()
	return f, errors.Join(err, closed)
}
