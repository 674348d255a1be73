package main

import "testing"

func TestTheLedgerNoticesEveryBrokenPromise(t *testing.T) {
	for name, test := range map[string]struct {
		arrived  []message
		accepted int64 // of sender 1; of sender 2 none
		want     verdict
	}{
		"all in order":           {from(1, 0, 1, 2), 3, verdict{}},
		"nothing sent":           {nil, 0, verdict{}},
		"the first lost":         {from(1, 1, 2), 3, verdict{Lost: 1}},
		"one in the middle lost": {from(1, 0, 2, 3), 4, verdict{Lost: 1}},
		"the last two lost":      {from(1, 0, 1), 4, verdict{Lost: 2}},
		"all lost":               {nil, 5, verdict{Lost: 5}},
		"twice in a row":         {from(1, 0, 0, 1), 2, verdict{Duplicated: 1}},
		"all twice":              {from(1, 0, 1, 2, 0, 1, 2), 3, verdict{Duplicated: 3}},
		"the last once more":     {from(1, 0, 1, 2, 2), 3, verdict{Duplicated: 1}},
		"two exchanged":          {from(1, 0, 2, 1, 3), 4, verdict{OutOfOrder: 1}},
		"late and then again":    {from(1, 0, 2, 1, 1), 3, verdict{OutOfOrder: 1, Duplicated: 1}},
		"lost and exchanged":     {from(1, 3, 1), 4, verdict{Lost: 2, OutOfOrder: 1}},
		"of a foreign sender":    {append(from(1, 0), from(7, 0)...), 1, verdict{Misdelivered: 1}},
		"never accepted":         {from(1, 0, 1), 1, verdict{Misdelivered: 1}},
		"of the other sender":    {append(from(1, 0), from(2, 0)...), 1, verdict{Misdelivered: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger(1, 2)
			for _, m := range test.arrived {
				l.note(m)
			}
			got := l.close(func(sender int) int64 {
				if sender == 1 {
					return test.accepted
				}
				return 0
			})
			if got != test.want {
				t.Errorf("the verdict is %+v, want %+v", got, test.want)
			}
			if got.kept() != (test.want == verdict{}) {
				t.Errorf("kept is %t for %+v", got.kept(), got)
			}
		})
	}
}

func TestSendersAreCheckedEachByItself(t *testing.T) {
	l := newLedger(1, 2)
	for _, m := range []message{{from: 1, seq: 0}, {from: 2, seq: 0}, {from: 2, seq: 1}, {from: 1, seq: 1}} {
		if !l.note(m) {
			t.Errorf("message %d of sender %d was taken for one that had come", m.seq, m.from)
		}
	}
	if got := l.close(func(int) int64 { return 2 }); !got.kept() {
		t.Errorf("the verdict is %v on messages that are all there", got)
	}
}

func TestARepetitionIsNotCountedAsADelivery(t *testing.T) {
	l := newLedger(1)
	for _, step := range []struct {
		m     message
		first bool
	}{
		{message{from: 1, seq: 1}, true},
		{message{from: 1, seq: 1}, false},
		{message{from: 1, seq: 0}, true},
		{message{from: 1, seq: 0}, false},
		{message{from: 9, seq: 0}, false},
	} {
		if got := l.note(step.m); got != step.first {
			t.Errorf("message %d of sender %d: first is %t, want %t", step.m.seq, step.m.from, got, step.first)
		}
	}
}

// from lists messages of one sender.
func from(sender int, seqs ...int64) []message {
	var all []message
	for _, seq := range seqs {
		all = append(all, message{from: sender, seq: seq})
	}
	return all
}
