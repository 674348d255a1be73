package main

import (
	"bytes"
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Measures of a chart, in points. There is room for fonts that are wider than the one
// they were made for: a page shows the chart in what it has.
const (
	chartWidth  = 640
	titleHeight = 30
	rowHeight   = 18
	barHeight   = 14
	nameWidth   = 240
	valueWidth  = 60
	margin      = 8
)

// draw gives the chart as SVG, the same bytes for the same rows. It stands on white, so
// that it can be read on any page.
func (c chart) draw(rows []chartRow) ([]byte, error) {
	svg := vgsvg.New(chartWidth, vg.Length(titleHeight+rowHeight*len(rows)+margin))
	all := draw.New(svg)
	all.SetColor(color.White)
	all.Fill(all.Rectangle.Path())
	write(all, margin, all.Max.Y-titleHeight/2, c.title, 14)

	area := draw.Crop(all, nameWidth, -valueWidth, margin, -titleHeight)
	bars, err := plotBars(rows)
	if err != nil {
		return nil, fmt.Errorf("draw the chart %s: %w", c.file, err)
	}
	bars.Draw(area)
	for i, row := range rows {
		y := area.Max.Y - rowHeight*(vg.Length(i)+0.5)
		if row.heading {
			write(all, margin, y, row.name, 12)
			continue
		}
		write(all, 3*margin, y, row.name, 11)
		x := area.Min.X
		if longest := bars.X.Max; longest > 0 {
			x += (area.Max.X - area.Min.X) * vg.Length(row.value/longest)
		}
		write(all, x+margin/2, y, number(row.value), 11)
	}
	var out bytes.Buffer
	if _, err := svg.WriteTo(&out); err != nil {
		return nil, fmt.Errorf("draw the chart %s: %w", c.file, err)
	}
	// Arial has the same measures, and more have it.
	return bytes.ReplaceAll(out.Bytes(), []byte("font-family:Liberation Sans"), []byte("font-family:Liberation Sans, Arial, sans-serif")), nil
}

// plotBars makes the bars, which fill the area they are drawn on: a row for each, the
// first one on top.
func plotBars(rows []chartRow) (*plot.Plot, error) {
	p := plot.New()
	p.HideAxes()
	p.BackgroundColor = nil
	p.X.Padding, p.Y.Padding = 0, 0
	p.X.Min, p.Y.Min, p.Y.Max = 0, -0.5, float64(len(rows))-0.5
	for i, row := range rows {
		if row.heading {
			continue
		}
		bar, err := plotter.NewBarChart(plotter.Values{row.value}, barHeight)
		if err != nil {
			return nil, err
		}
		bar.Horizontal, bar.XMin, bar.LineStyle.Width = true, float64(len(rows)-1-i), 0
		bar.Color = color.RGBA{R: 0xb8, G: 0xb8, B: 0xb8, A: 0xff}
		if row.chappe {
			bar.Color = color.RGBA{R: 0x1f, G: 0x5f, B: 0xa8, A: 0xff}
		}
		p.Add(bar)
	}
	return p, nil
}

// write writes a text to the right of a point.
func write(on draw.Canvas, x, y vg.Length, words string, size vg.Length) {
	f := font.From(plot.DefaultFont, size)
	f.Variant = "Sans"
	style := text.Style{Color: color.Black, Font: f, XAlign: draw.XLeft, YAlign: draw.YCenter, Handler: plot.DefaultTextHandler}
	on.FillText(style, vg.Point{X: x, Y: y}, words)
}
