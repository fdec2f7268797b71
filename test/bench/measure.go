package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// figures are what one round of one program measured.
type figures struct {
	ops   int
	wall  time.Duration
	cpu   time.Duration // of this process and of every process that served it
	peak  int64         // bytes of memory at most; 0 when it was not looked at
	waits []time.Duration
}

func (f figures) rate() float64 { return float64(f.ops) / f.wall.Seconds() }

func (f figures) cpuPerOp() time.Duration { return f.cpu / time.Duration(max(1, f.ops)) }

// percentile is the wait that a share of the requests did not exceed.
func (f *figures) percentile(share float64) time.Duration {
	if len(f.waits) == 0 {
		return 0
	}
	if !slices.IsSorted(f.waits) {
		slices.Sort(f.waits)
	}
	return f.waits[min(len(f.waits)-1, int(share*float64(len(f.waits))))]
}

// watch measures what work does: its time, the processor time of this process and
// of the processes that serve it, and the most memory that this process held.
func watch(ops int, servers []int, work func() error) (figures, error) {
	debug.FreeOSMemory()
	// The kernel forgets the peak so far; where it may not, the peak is of the whole run.
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	before := ownCPU() + familyCPU(servers)
	began := time.Now()
	err := work()
	f := figures{ops: ops, wall: time.Since(began), cpu: ownCPU() + familyCPU(servers) - before, peak: memory(os.Getpid(), "VmHWM")}
	return f, err
}

func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// tick is the unit of processor time in /proc, the same on every Linux.
const tick = 10 * time.Millisecond

// familyCPU is the processor time of processes and of their children, ended or not.
func familyCPU(parents []int) time.Duration {
	if len(parents) == 0 {
		return 0
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well-formed
	var sum int64
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		// The name in parentheses may hold anything; the fields behind it are plain.
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		parent, _ := strconv.Atoi(fields[1])
		last := 0
		switch {
		case slices.Contains(parents, pid):
			last = 14 // with the children that it has buried
		case slices.Contains(parents, parent):
			last = 12
		}
		for i := 11; last > 0 && i <= last; i++ {
			n, _ := strconv.ParseInt(fields[i], 10, 64)
			sum += n
		}
	}
	return time.Duration(sum) * tick
}

// memory is a line of a process's status in bytes, such as VmHWM or VmRSS.
func memory(pid int, line string) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, ok := strings.Cut(string(text), line+":")
	if !ok {
		return 0
	}
	kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return kib << 10
}

func median[T int64 | float64 | time.Duration](list []T) T {
	s := slices.Clone(list)
	slices.Sort(s)
	if len(s)%2 == 1 {
		return s[len(s)/2]
	}
	return (s[len(s)/2-1] + s[len(s)/2]) / 2
}

// contest is a floor and the product, round by round.
type contest struct {
	name    string
	goal    float64 // the least ratio of the rates; 0 for none
	memory  int64   // the most bytes that the product may hold; 0 for any
	floor   []figures
	product []figures
}

func (c *contest) add(floor, product figures) {
	c.floor, c.product = append(c.floor, floor), append(c.product, product)
}

func over[T int64 | float64 | time.Duration](list []figures, of func(figures) T) T {
	values := make([]T, len(list))
	for i, f := range list {
		values[i] = of(f)
	}
	return median(values)
}

// ratios is the product's rate over the floor's, round by round.
func (c *contest) ratios() []float64 {
	r := make([]float64, len(c.floor))
	for i := range r {
		r[i] = c.product[i].rate() / c.floor[i].rate()
	}
	return r
}

// report prints one line for the floor, one for the product and the verdict.
func (c *contest) report(w io.Writer) (met bool) {
	met = true
	for _, side := range []struct {
		name string
		list []figures
	}{{"floor", c.floor}, {"product", c.product}} {
		fmt.Fprintf(w, "%-34s %-8s %9.0f/s  cpu %7.1f us/op", c.name, side.name, over(side.list, figures.rate), float64(over(side.list, figures.cpuPerOp).Nanoseconds())/1e3)
		if len(side.list[0].waits) > 0 {
			fmt.Fprintf(w, "  p50 %6.2f ms  p99 %6.2f ms", ms(over(side.list, func(f figures) time.Duration { return f.percentile(0.50) })),
				ms(over(side.list, func(f figures) time.Duration { return f.percentile(0.99) })))
		}
		if peak := over(side.list, func(f figures) int64 { return f.peak }); peak > 0 {
			fmt.Fprintf(w, "  memory %4d MB", peak>>20)
		}
		fmt.Fprintln(w)
	}
	ratio := median(c.ratios())
	cpu := float64(over(c.floor, figures.cpuPerOp)) / float64(over(c.product, figures.cpuPerOp))
	fmt.Fprintf(w, "%-34s ratio %.2f (rounds %s), by cpu %.2f", c.name, ratio, spell(c.ratios()), cpu)
	if c.goal > 0 {
		met = ratio >= c.goal
		fmt.Fprintf(w, ", goal %.2f: %s", c.goal, verdict(met))
	}
	if c.memory > 0 {
		peak := over(c.product, func(f figures) int64 { return f.peak })
		fmt.Fprintf(w, ", memory at most %d MB: %s", c.memory>>20, verdict(peak <= c.memory))
		met = met && peak <= c.memory
	}
	fmt.Fprint(w, "\n\n")
	return met
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func spell(ratios []float64) string {
	texts := make([]string, len(ratios))
	for i, r := range ratios {
		texts[i] = strconv.FormatFloat(r, 'f', 2, 64)
	}
	return strings.Join(texts, " ")
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "MISSED"
}
