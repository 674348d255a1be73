package main

import "time"

// A pace says when a sender's messages are due. With an interval of 0 each is due
// as soon as the one before was answered.
type pace struct {
	due      time.Time
	interval time.Duration
}

// wait returns when the next message is due, or with false when stop closes. The
// time is the one its latency counts from: now, or, if the answer to the message
// before came too late for this one, the moment when it should have been sent. So
// a server that stalls the sender does not hide the stall.
func (p *pace) wait(stop <-chan struct{}) (from time.Time, ok bool) {
	select {
	case <-stop:
		return time.Time{}, false
	default:
	}
	now := time.Now()
	if p.interval == 0 {
		return now, true
	}
	from = p.due
	if now.Before(p.due) {
		timer := time.NewTimer(p.due.Sub(now))
		defer timer.Stop()
		select {
		case <-timer.C:
			from = time.Now() // a timer that fires late is no fault of the server
		case <-stop:
			return time.Time{}, false
		}
	}
	p.due = p.due.Add(p.interval)
	return from, true
}
