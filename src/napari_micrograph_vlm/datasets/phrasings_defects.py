"""How questions about defects are put; lines with a star are kept for the test."""

from __future__ import annotations

__all__ = ["TEXT"]

TEXT = """
[defect]
What defect is this?
Which defect is this?
Is there a defect? Which?
What kind of defect do you see?
What is wrong here?
Which defects are visible?
What type of defect is in this region?
Name the defect.
Are there defects, and which?
defect type?
What is the defect?
Which defect does this region show?
What kind of flaw is it?
Identify the defect.
Which type of defect do you see?
What sort of defect is present?
What failure is visible here?
Tell me the defect.
Which flaw does the sample have?
Classify the defect.
What went wrong with this structure?
What would you call this defect?
Which defect, if any?
* Can you tell me which defect this is?
* What sort of flaw do you see here?

[present]
Is there a defect?
Is there any defect here?
Any defects?
Are there any defects?
Do you see a defect?
Is there a flaw?
Is anything wrong here?
Is this region defective?
Does the sample show any defect?
Do you notice a flaw?
Is something damaged?
Did you find any defects?
Has this structure any flaws?
* Does this region have a defect?
* Can you see any flaws?

[where]
Where is the defect?
Where are the defects?
Where does the defect lie?
In which part of the picture is the defect?
Locate the defect.
Where do you see a defect?
Where in the picture is the defect?
Where is the flaw?
Show me where the defect is.
Find the defect.
Find all defects.
In which area does the defect lie?
What is the position of the defect?
Position of the defect?
Where exactly are the defects?
Where should I look for the defect?
Whereabouts is the defect?
In what part of the image do you see defects?
Give the location of the defect.
Which region of the picture is defective?
Tell me where the defects are.
Point to the defect.
defect location?
* Can you tell me where the defect is?
* At which place is the flaw?

[where kind]
Where is the {kind}?
Where are the {kinds}?
Locate the {kind}.
In which part of the picture is the {kind}?
Where do you see the {kind}?
where is this {kind}?
Where in the picture is the {kind}?
Find the {kind}.
Find the {kinds}.
Where does the {kind} lie?
What is the position of the {kind}?
Show me where the {kind} is.
In what part of the image do you see {kinds}?
Give the location of the {kind}.
Point to the {kind}.
{kind}: where?
* Can you tell me where the {kind} is?
* Which part has the {kind}?

[largest where]
Where is the largest {kind}?
Where is the biggest {kind}?
Locate the largest {kind}.
Where does the largest of the {kinds} lie?
In which part of the picture is the largest {kind}?
Find the biggest {kind}.
Of the {kinds}, where is the largest one?
Position of the largest {kind}?
Where do you see the largest {kind}?
* Which place has the biggest of the {kinds}?
* Can you tell me where to find the largest {kind}?

[half]
Is the defect in the {half} half?
Does the defect lie in the {half} half?
Is the {kind} in the {half} half?
Is the {kind} in the {half} half of the picture?
Do you see the defect in the {half} half?
Does the {kind} lie in the {half} half of the image?
Is the flaw located in the {half} half?
Is the {half} half the one with the defect?
* Would I find the defect in the {half} half?
* Does the {half} half contain the {kind}?

[how many defects]
How many defects are there?
How many defects do you see?
Count the defects.
Number of defects?
How many flaws are there?
How many defects can you see?
How many defects are visible?
How many defects does this region have?
Give the number of defects.
Tell me how many defects there are.
How many defects in total?
What number of defects do you count?
Count all the flaws.
I need a count of the defects.
* What is the number of defects?
* Can you count the flaws in this region?

[how many kind]
How many {kinds} are there?
How many {kinds}?
Count the {kinds}.
How many {kinds} do you see?
Number of {kinds}?
How many {kinds} can you see?
How many {kinds} are visible?
Give the number of {kinds}.
Tell me how many {kinds} there are.
I need a count of the {kinds}.
* What is the number of {kinds}?
* Can you count the {kinds}?

[most frequent]
Which defect is the most frequent?
Which defect occurs most often?
What is the most common defect?
Which kind of defect is most numerous?
Of which defect are there the most?
Name the most frequent defect.
Which defect appears most?
Main kind of defect?
Which defect do you see most often?
* Which flaw turns up more than any other?
* What is the commonest kind of defect?

[which larger]
Which is larger, the {one} or the {other}?
Which is bigger, the {one} or the {other}?
Is the {one} or the {other} larger?
What is larger: the {one} or the {other}?
Which of the two is larger, the {one} or the {other}?
Compare the {one} and the {other}: which is larger?
The {one} or the {other}, which one is bigger?
Of the {one} and the {other}, which has the larger extent?
* Does the {one} or the {other} reach further?
* Between the {one} and the {other}, which would you call larger?

[which defect larger]
Which defect is larger?
Which defect is the largest?
What is the largest defect?
Which of the defects is bigger?
Name the largest defect.
Which kind of defect has the largest extent?
Which is the biggest defect?
Of the defects, which is the larger one?
* Which flaw is the largest here?
* Tell me which of the defects reaches furthest.

[how large]
How large is the defect?
How big is the defect?
What size is the defect?
How large is the {kind}?
How big is the {kind}?
What is the size of the {kind}?
What share of the picture does the {kind} span?
How much of the picture does the defect span?
Is the {kind} small or large?
What is the extent of the defect?
Give the size of the defect.
How large is the {kind} compared with the picture?
* Can you tell me how large the defect is?
* What extent does the {kind} have?

[how large in units]
How large is the defect in {unit}?
How large is the {kind} in {unit}?
How long is the {kind} in {unit}?
What is the size of the {kind} in {unit}?
How many {unit} long is the {kind}?
How big is the {kind} in {unit}?
How long is the {kind}?
What is the length of the {kind} in {unit}?
Size of the defect in {unit}?
What is the physical size of the {kind}?
How many {unit} does the defect span?
What is the real size of the defect?
Measure the {kind}.
Measure the defect in {unit}.
* Give me the length of the {kind} in {unit}.
* How many {unit} does the {kind} measure?

[direction]
In which direction does the {kind} run?
Which way does the {kind} run?
What is the direction of the defect?
Does the {kind} run horizontally or vertically?
Is the {kind} horizontal, vertical or diagonal?
How is the {kind} oriented?
Which way does the defect run?
What is the orientation of the {kind}?
Along which direction does the defect extend?
Direction of the {kind}?
* What direction does the {kind} take?
* Does the {kind} lie across, upright or aslant?

[defect shape]
What shape is the defect?
What shape does the {kind} have?
What is the shape of the {kind}?
Is the {kind} round or elongated?
Describe the shape of the defect.
Is the defect round, elongated or irregular?
How is the {kind} shaped?
Shape of the {kind}?
What form does the {kind} have?
* What does the outline of the {kind} look like?
* Would you call the {kind} round, elongated or irregular?

[is there]
Is there {a_kind}?
Are there {kinds}?
Any {kinds}?
Do you see {a_kind}?
Is this {a_kind}?
Can you see any {kinds}?
Does this region show {a_kind}?
Is {a_kind} visible?
Do you find any {kinds} here?
Did {a_kind} form here?
Does the sample show {kinds}?
Is the defect {a_kind}?
* Does the picture have {a_kind}?
* Would you say there is {a_kind}?

[through]
Does the crack go through the coating?
Does the crack run through the whole coating?
Does the crack reach the substrate?
Is the coating cracked through?
Has the crack parted the coating?
Is it a through crack?
Is the whole thickness cracked?
Does the crack cross the entire layer?
Does the crack pass from the surface to the substrate?
* Is the crack as deep as the coating is thick?
* Has the coating cracked all the way down?

[through several]
Do the cracks go through the coating?
Do the cracks run through the whole coating?
Do the cracks reach the substrate?
Is the coating cracked through?
Have the cracks parted the coating?
Are these through cracks?
Is the whole thickness cracked?
Do the cracks cross the entire layer?
* Are the cracks as deep as the coating is thick?
* Have these cracks parted the coating all the way down?

[and where]
And where is it?
Where is it?
And where?
where exactly?
Where?
Where do you see it?
In which part?
And in what part of the picture is it?
Show me where.
And its position?
* And in which place?
* Where does it lie?

[and how many]
And how many are there?
How many are there?
How many?
And how many?
Count them.
How many of them?
And what is their number?
How many can you see?
* And how many do you see?
* Can you count them?

[and how large]
And how large is it?
How big is it?
And its size?
How large?
How big?
Is it large?
And what is its size?
How far does it reach?
* And how big?
* What size does it have?

[and how large in units]
And how large in {unit}?
And in {unit}?
How large is it in {unit}?
How many {unit} is that?
And its size in {unit}?
How long is it in {unit}?
And its physical size?
What is that in {unit}?
* And how many {unit} does it measure?
* How big is that in {unit}?

[and direction]
And which direction?
Which way does it run?
And how is it oriented?
In which direction does it run?
And its orientation?
Is it horizontal or vertical?
And the direction?
* And which way?
* How does it lie?

[and kind]
And the {kind}?
And where is the {kind}?
What about the {kind}?
Where is the {kind} then?
And the {kind}, where is it?
* And what about the {kind}?
* And in which place is the {kind}?

[and is there]
And {a_kind}?
What about {kinds}?
And any {kinds}?
Is there {a_kind} too?
Or {a_kind}?
And are there {kinds}?
* And do you see {kinds}?
* Any {kinds} as well?
"""
"""Kinds of question in brackets, with their phrasings."""
