package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// rtmPublishers is how many publish to the channel at once: the first half by REST,
	// the others in their sessions.
	rtmPublishers = 4
	// arrivalTimeout is when a message counts as lost.
	arrivalTimeout = 20 * time.Second
	// crowdSettle is how long a server is left alone after very many have joined: it
	// has told of it for a while.
	crowdSettle = 4 * time.Second
)

// A crowd is the members of the channel and those who publish to it. Each publisher
// sends its next message when the last one has arrived at the last member, so that what
// is under way is bounded.
type crowd struct {
	swarm      *swarm
	order      *order
	publishers []*publisher
	rest       []*restConn // by publisher, nil for a member
	// The group's workers are the swarm, for as long as the crowd is there.
	group   *errgroup.Group
	working context.Context
	hangUp  context.CancelFunc
}

// A publisher sends one message at a time.
type publisher struct {
	sent int64         // belongs to the worker that publishes
	done chan struct{} // gets a value when a message has arrived everywhere
	// The others belong to the swarm.
	seq      int64 // of the message under way
	hearers  int   // who are to get it
	arrivals int   // how many have
}

// gather logs so many users in and has them join the channel.
func (b *bench) gather(ctx context.Context, p *process, members int) (*crowd, error) {
	c, err := b.newCrowd(ctx, members)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	err = c.swarm.login(c.working, p.address, uids("m", members))
	for i := 0; i < rtmPublishers/2 && err == nil; i++ {
		c.rest[i], err = dialREST(c.working, p.address)
	}
	if err != nil {
		return nil, errors.Join(err, c.disperse())
	}
	b.say("  %d sessions after %v", members, time.Since(begin).Round(time.Millisecond))
	return c, nil
}

// newCrowd makes a crowd of which nobody is there yet, and starts its swarm.
func (b *bench) newCrowd(ctx context.Context, members int) (*crowd, error) {
	if err := needFiles(members); err != nil {
		return nil, err
	}
	c := &crowd{rest: make([]*restConn, rtmPublishers)}
	own := make(map[int]int)
	for i := range rtmPublishers {
		p := &publisher{done: make(chan struct{}, 1), seq: -1, hearers: members}
		if i >= rtmPublishers/2 {
			own[i] = i // it is the member of the same number
			p.hearers--
		}
		c.publishers = append(c.publishers, p)
	}
	c.order = newOrder(members, own)
	var err error
	if c.swarm, err = newSwarm(members, time.Now(), b.size, c); err != nil {
		return nil, err
	}
	c.group, c.working = errgroup.WithContext(ctx)
	running, hangUp := context.WithCancel(c.working)
	c.hangUp = hangUp
	c.group.Go(func() error { return c.swarm.run(running) })
	return c, nil
}

// disperse hangs up, and gives the fault the swarm has ended with.
func (c *crowd) disperse() error {
	c.hangUp()
	err := c.group.Wait()
	for _, rest := range c.rest {
		if rest != nil {
			rest.close()
		}
	}
	return errors.Join(err, c.swarm.close())
}

// join has all join the channel, and waits until the server has said so to everybody.
func (c *crowd) join(ctx context.Context) error {
	if err := c.swarm.join(c.working); err != nil {
		return err
	}
	return pause(ctx, crowdSettle)
}

// publish sends a publisher's next message, and returns when the last member has it.
// It gives the number of these.
func (c *crowd) publish(ctx context.Context, number int) (int, error) {
	p, s := c.publishers[number], c.swarm
	m := message{at: time.Since(s.begin), from: number, seq: p.sent}
	p.sent++
	var err error
	if rest := c.rest[number]; rest != nil {
		body := append([]byte(`{"channel_name":"`+rtmChannel+`","payload":"`), s.payloads.append(nil, m)...)
		_, err = rest.post(rtmPath(fmt.Sprint("p", number), "channel_messages"), append(body, `"}`...))
	} else {
		member := s.clients[number].Load()
		err = member.write(masked(appendChannelSend(nil, member.uid, s.payloads, m)))
	}
	if err != nil {
		return 0, err
	}
	timer := time.NewTimer(arrivalTimeout)
	defer timer.Stop()
	select {
	case <-p.done:
		return p.hearers, nil
	case <-timer.C:
		return 0, fmt.Errorf("message %d of publisher %d was lost: not all have it after %v", m.seq, number, arrivalTimeout)
	case <-c.working.Done():
		return 0, context.Cause(c.working)
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// heard counts the members that have a message.
func (c *crowd) heard(member *client, m message, _ []byte) {
	c.order.note(member.number, flightID{m.from, m.seq})
	if m.from < 0 || m.from >= len(c.publishers) {
		return // the order has it, and the verdict will
	}
	p := c.publishers[m.from]
	if m.seq > p.seq {
		p.seq, p.arrivals = m.seq, 0
	}
	if m.seq == p.seq {
		p.arrivals++
	}
	if m.seq == p.seq && p.arrivals == p.hearers {
		p.done <- struct{}{} // it has room: there was no other since it was taken
	}
}

// close hangs up and gives the verdict.
func (c *crowd) close() (verdict, error) {
	if err := c.disperse(); err != nil {
		return verdict{}, err
	}
	var sent int64
	for _, p := range c.publishers {
		sent += p.sent
	}
	return c.order.close(sent), nil
}

// uids names n users.
func uids(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprint(prefix, i)
	}
	return all
}
