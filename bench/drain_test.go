package main

import "testing"

func TestSharesAreEvenAndAddUp(t *testing.T) {
	for _, all := range []int{0, 1, 63, 64, 65, 10_000} {
		sum := 0
		for one := range 64 {
			mine := share(all, one, 64)
			if mine < all/64 || mine > all/64+1 {
				t.Errorf("%d of 64 has %d of %d to do", one, mine, all)
			}
			sum += mine
		}
		if sum != all {
			t.Errorf("the shares of %d add up to %d", all, sum)
		}
	}
}
