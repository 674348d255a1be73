package main

import (
	"context"
	"errors"
	"path/filepath"
)

// Neighbours are two Chappes that know each other: the senders are at home at the
// left one, the receivers at the right one.
type neighbours struct {
	left, right        *deployment
	senders, receivers []person
}

// newNeighbours prepares neighbours with databases of its own.
func (b *bench) newNeighbours(ctx context.Context, scenario string) (*neighbours, error) {
	left, err := newDeployment(filepath.Join(b.dir, scenario+"-left"), "left.bench.test")
	if err != nil {
		return nil, err
	}
	right, err := newDeployment(filepath.Join(b.dir, scenario+"-right"), "right.bench.test")
	if err != nil {
		return nil, err
	}
	left.peer, right.peer = right, left
	p := &neighbours{
		left: left, right: right,
		senders: people("s", b.senders, left.name), receivers: people("r", b.receivers, right.name),
	}
	return p, errors.Join(left.prepare(ctx, p.senders), right.prepare(ctx, p.receivers))
}

// runNeighbours puts a load on neighbours: perSecond messages, 0 for as many as there
// are answers.
func (b *bench) runNeighbours(ctx context.Context, scenario string, perSecond float64) (r result, err error) {
	b.say("%s: two Chappes", scenario)
	p, err := b.newNeighbours(ctx, scenario)
	if err != nil {
		return r, err
	}
	from, err := b.startChappe(ctx, p.left, scenario+"-left")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, from.stop()) }()
	to, err := b.startChappe(ctx, p.right, scenario+"-right")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, to.stop()) }()
	return b.newLoad(p.senders, p.receivers, from, to, perSecond).run(ctx)
}
