package main

import "time"

// A comparison is what Chappe did, and what its floors did under the same load.
type comparison[R any] struct {
	chappe R
	floors []floorRun[R] // none with -chappe-only
}

// A floorRun is what one floor did.
type floorRun[R any] struct {
	name string
	did  R
}

// add enters a figure of Chappe in a group, beside the same of the floors.
func (c comparison[R]) add(g *group, name string, of func(R) float64) *figure {
	f := g.addAlone(name, of(c.chappe))
	for _, floor := range c.floors {
		f.Floors = append(f.Floors, &beside{Floor: floor.name, Value: of(floor.did)})
	}
	return f
}

// judge enters the verdicts on all of them.
func (c comparison[R]) judge(r *report, scenario string, of func(R) verdict) {
	r.judgeAlone(scenario, of(c.chappe))
	for _, floor := range c.floors {
		r.Verdicts = append(r.Verdicts, judgment{scenario, floor.name, of(floor.did)})
	}
}

// partOf compares a part of what was done.
func partOf[R, P any](c comparison[R], part func(R) P) comparison[P] {
	parts := comparison[P]{chappe: part(c.chappe)}
	for _, floor := range c.floors {
		parts.floors = append(parts.floors, floorRun[P]{floor.name, part(floor.did)})
	}
	return parts
}

// A summand is what one turn of several did.
type summand[R any] interface{ plus(R) R }

// inTurns has the floors and Chappe take turns, and adds up what they did.
func inTurns[R summand[R]](turns int, take func(turn int) (comparison[R], error)) (sum comparison[R], err error) {
	for turn := range turns {
		c, err := take(turn + 1)
		if err != nil {
			return sum, err
		}
		if turn == 0 {
			sum = c
			continue
		}
		sum.chappe = sum.chappe.plus(c.chappe)
		for i := range sum.floors {
			sum.floors[i].did = sum.floors[i].did.plus(c.floors[i].did)
		}
	}
	return sum, nil
}

// percentileOf gives a percentile, in milliseconds, of sorted times.
func percentileOf[R any](times func(R) []time.Duration, p float64) func(R) float64 {
	return func(r R) float64 { return milliseconds(percentile(times(r), p)) }
}
