package main

import "testing"

func TestMembersMustAgreeOnOneOrder(t *testing.T) {
	a, b, c := flightID{2, 0}, flightID{2, 1}, flightID{3, 0}
	for name, test := range map[string]struct {
		first, second []flightID // what two members get
		want          verdict
	}{
		"the same":                    {[]flightID{a, b, c}, []flightID{a, b, c}, verdict{}},
		"one is missing":              {[]flightID{a, b, c}, []flightID{a, c}, verdict{Lost: 1}},
		"the last is missing":         {[]flightID{a, b, c}, []flightID{a, b}, verdict{Lost: 1}},
		"one comes twice":             {[]flightID{a, b, c}, []flightID{a, b, b, c}, verdict{Duplicated: 1}},
		"two publishers change place": {[]flightID{a, b, c}, []flightID{a, c, b}, verdict{OutOfOrder: 1}},
		"nobody gets the last":        {[]flightID{a, b}, []flightID{a, b}, verdict{Lost: 2}},
		"one that nobody sent":        {[]flightID{a, b, c}, []flightID{a, b, c, {9, 9}}, verdict{Misdelivered: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrder(2, nil)
			for _, id := range test.first {
				o.note(0, id)
			}
			for _, id := range test.second {
				o.note(1, id)
			}
			if got := o.close(3); got != test.want {
				t.Errorf("the verdict is %+v, want %+v", got, test.want)
			}
		})
	}
}

// A publisher may be the first to get a message that came behind one of its own.
func TestAPublisherGetsTheSameOrderWithoutItsOwn(t *testing.T) {
	own, other, last := flightID{0, 0}, flightID{1, 0}, flightID{1, 1}
	for name, test := range map[string]struct {
		got  []flightID
		want verdict
	}{
		"all but its own": {[]flightID{other, last}, verdict{}},
		"its own, too":    {[]flightID{own, other, last}, verdict{Misdelivered: 1}},
		"not the last":    {[]flightID{other}, verdict{Lost: 1}},
		"twice":           {[]flightID{other, other, last}, verdict{Duplicated: 1}},
		"turned round":    {[]flightID{last, other}, verdict{OutOfOrder: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrder(2, map[int]int{0: 0})
			for _, id := range test.got {
				o.note(0, id)
			}
			for _, id := range []flightID{own, other, last} {
				o.note(1, id)
			}
			if got := o.close(3); got != test.want {
				t.Errorf("the verdict is %+v, want %+v", got, test.want)
			}
		})
	}
}
