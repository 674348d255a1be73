package main

// An order is what the members of a channel must agree upon: all get its messages in the
// same one. The first member to get a message gives it its place; the others must find
// it there.
type order struct {
	places  map[flightID]int64 // of a message
	all     []flightID         // by place
	streams []stream           // by member: the places in which its messages had to come
	// own holds what those members got who also publish. They do not get what they send
	// themselves, so that the order can be asked about them only when it is complete.
	own     map[int]*published
	verdict verdict
}

// A flightID names a message to the channel.
type flightID struct {
	publisher int
	seq       int64
}

// published is what a member got who is a publisher.
type published struct {
	publisher int
	got       []flightID
}

// newOrder takes the publishers that are members, by member.
func newOrder(members int, publishers map[int]int) *order {
	o := &order{places: make(map[flightID]int64), streams: make([]stream, members), own: make(map[int]*published)}
	for member, publisher := range publishers {
		o.own[member] = &published{publisher: publisher}
	}
	return o
}

// note enters a message that has arrived at a member.
func (o *order) note(member int, id flightID) {
	if p, publishes := o.own[member]; publishes {
		p.got = append(p.got, id)
		return
	}
	s := &o.streams[member]
	if s.next < int64(len(o.all)) && o.all[s.next] == id && len(s.missing) == 0 {
		s.next++ // as it should be: nothing to look up
		return
	}
	place, known := o.places[id]
	if !known {
		place = int64(len(o.all))
		o.places[id] = place
		o.all = append(o.all, id)
	}
	s.note(place, &o.verdict)
}

// close gives the verdict when nothing more can come of so many messages.
func (o *order) close(sent int64) verdict {
	for _, p := range o.own {
		o.closeOwn(p)
	}
	v := o.verdict
	for member := range o.streams {
		if _, publishes := o.own[member]; !publishes {
			o.streams[member].close(sent, &v)
		}
	}
	return v
}

// closeOwn has a publisher find each message in its place among those of others.
func (o *order) closeOwn(p *published) {
	places := make(map[flightID]int64)
	for _, id := range o.all {
		if id.publisher != p.publisher {
			places[id] = int64(len(places))
		}
	}
	var s stream
	for _, id := range p.got {
		if place, known := places[id]; known {
			s.note(place, &o.verdict)
		} else {
			o.verdict.Misdelivered++
		}
	}
	s.close(int64(len(places)), &o.verdict)
}
