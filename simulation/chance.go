package simulation

import (
	"hash/fnv"
	"io"
	"math/rand/v2"
	"time"
)

// A chance gives what is random in one matter of a run. It depends on the seed and
// the matter's name alone, not on what else happens meanwhile.
type chance struct{ *rand.Rand }

func chanceOf(seed uint64, matter string) chance {
	h := fnv.New64a()
	_, _ = io.WriteString(h, matter)
	return chance{rand.New(rand.NewPCG(seed, h.Sum64()))}
}

// happens is true with this probability.
func (c chance) happens(probability float64) bool { return c.Float64() < probability }

// between gives a time from low to high, short ones more often.
func (c chance) between(low, high time.Duration) time.Duration {
	part := c.Float64()
	return low + time.Duration(part*part*float64(high-low))
}

// pick gives one of some things.
func pick[T any](c chance, from []T) T { return from[c.IntN(len(from))] }
