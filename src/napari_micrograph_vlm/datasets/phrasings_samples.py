"""How questions about the sample are put; lines with a star are kept for the test."""

from __future__ import annotations

__all__ = ["TEXT"]

TEXT = """
[category]
What kind of sample is this?
Which kind of sample is this?
What am I looking at?
What type of structure is this?
Which category does this micrograph belong to?
What is this?
What is shown?
Classify this image.
What type of sample is this?
What class of specimen is it?
Name the kind of sample.
What is the sample?
Which type of specimen is shown?
What sort of sample do we have here?
To which category does this belong?
Category of this image?
What is the category?
Tell me the type of sample.
What specimen is this?
How would you classify this sample?
Which class fits this picture best?
sample type?
Identify the sample.
What has been imaged here?
* What sort of specimen is in this image?
* Tell me what this sample is.

[technique]
Which technique was used?
Is this SEM or TEM?
What kind of microscope took this?
How was this imaged?
Which microscopy technique is this?
Was this taken by SEM or TEM?
SEM or TEM?
What is the imaging technique?
Which type of electron microscope was it?
By which method was this recorded?
What microscope made this image?
* With which microscope was this picture taken?
* Name the imaging method.

[objects]
What objects are there?
What can be seen here?
Which objects do you see?
What do you see?
What structures are visible?
What is in this region?
Name the objects.
Which features are visible?
What features does the picture contain?
What objects does this region show?
What are these objects?
What things are in view?
* Tell me what you can see here.
* Which structures are in this picture?

[count]
How many {objects} are there?
How many {objects} do you see?
How many {objects}?
Count the {objects}.
How many objects are there?
Number of {objects}?
How many are in view?
How many {objects} are in the picture?
How many {objects} can you see?
How many {objects} are visible?
How many {objects} does this region contain?
How many {objects} does the image show?
Please count the {objects} for me.
Count the objects.
Count all {objects} in this region.
Give the number of {objects}.
How large is the number of {objects}?
What number of {objects} do you count?
Tell me how many {objects} there are.
The number of objects, please?
{objects}: how many?
I need a count of the {objects}.
* What is the number of {objects}?
* Can you count the {objects}?

[size]
How large are the {objects}?
Are the {objects} small or large?
What size are the {objects}?
How big are the {objects}?
How large are the objects?
What is the size of the objects?
Are the {objects} small, medium or large?
Which size class do the {objects} belong to?
Do the {objects} look small or large?
Is the size of the {objects} small, medium or large?
* Can you tell me the size of the {objects}?
* Would you call the {objects} large?

[object size]
How large is one of the {objects} compared with the picture?
How much of the picture's side does one object span?
What share of the picture is each of the {objects} across?
How wide are the {objects} in per cent of the picture?
What is the mean size of the {objects} in per cent?
How large are the {objects} relative to the picture?
What is the average diameter of the {objects}, as a share of the picture?
What fraction of the picture does one object span?
* In per cent of the picture, how big is a typical one of the {objects}?
* What part of the picture's side does a typical object take?

[object size in units]
How large are the {objects} in {unit}?
What is the size of the {objects} in {unit}?
How wide are the {objects} in {unit}?
What is the mean diameter of the {objects} in {unit}?
How big are the objects in {unit}?
Size of the {objects} in {unit}?
How many {unit} wide are the {objects}?
What is the real size of the {objects}?
What is the physical size of the {objects}?
Give the average size of the {objects} in {unit}.
Measure the {objects}.
What is the mean diameter of the {objects}?
What is the average width of the {objects}?
What is the mean size of the objects in {unit}?
* How many {unit} does a typical object measure?
* Can you measure the mean width of the {objects}?

[coverage]
What share of the picture do the {objects} cover?
How much of the picture do the {objects} cover?
What fraction of the area is covered?
What is the coverage?
What is the area fraction of the {objects}?
Which part of the area do the {objects} fill?
How many per cent of the area do the {objects} take?
What percentage of the image is covered by {objects}?
Give the area fraction.
Coverage of the {objects} in per cent?
How much area do the {objects} take up?
* How much of the area is {objects}?
* What percentage do the {objects} fill?

[density]
How dense are the {objects}?
How densely are they packed?
Is it dense or sparse?
What is the density?
Are the {objects} dense or sparse?
Are there few or many {objects} for the area?
How crowded is the picture?
Are the {objects} sparse, moderate or dense?
Describe the density of the {objects}.
How tightly are the {objects} packed?
* Would you call the {objects} dense?
* How dense is it?

[orientation]
Which way do the {objects} run?
What is the orientation?
How are the {objects} oriented?
In which direction do they run?
Is there a preferred orientation?
Are the {objects} horizontal or vertical?
Do the {objects} have a preferred direction?
What is the orientation of the {objects}?
In which direction do the {objects} point?
Along which direction are the {objects} aligned?
* Which orientation do the {objects} have?
* Do they lie horizontally, vertically or at random?

[contrast]
What is the contrast?
Are the {objects} bright or dark?
Is it bright on dark or dark on bright?
Do the {objects} look brighter than the background?
Describe the contrast.
What contrast do the {objects} have?
Are the {objects} brighter or darker than their surroundings?
Which is brighter, the {objects} or the background?
How do the {objects} stand out from the background?
What kind of contrast is it?
* Which contrast does this picture have?
* Are they darker than what surrounds them?

[arrangement]
How are the {objects} arranged?
What is the arrangement?
How are they distributed?
Describe the arrangement of the {objects}.
Is it an ordered array or random?
How do the {objects} lie with respect to each other?
What pattern do the {objects} form?
Are the {objects} dispersed, clustered or in an array?
What is the spatial arrangement?
How are the objects laid out?
* In what arrangement are the {objects}?
* What is the layout of the {objects}?

[ordered]
Are the {objects} regularly arranged?
Are the {objects} ordered?
Is the arrangement regular?
Is this a regular array?
Do the {objects} form a regular pattern?
Are the {objects} in a periodic arrangement?
Is there order in how the {objects} lie?
Do the {objects} lie on a grid?
Are the objects evenly spaced?
* Would you call this arrangement periodic?
* Do they form an ordered lattice?

[more than]
Are there more than {number} {things}?
Do you see more than {number} {things}?
More than {number} {things}?
Does the picture show more than {number} {things}?
Is the number of {things} above {number}?
Are more than {number} {things} visible?
Are there over {number} {things}?
Does this region hold more than {number} {things}?
* Would you count more than {number} {things}?
* Is {number} exceeded by the number of {things}?

[shape]
What shape are the {objects}?
Which shape do the {objects} have?
What shape are the objects?
Describe the shape of the {objects}.
What form do the {objects} have?
What is the shape of the {objects}?
Are the {objects} round or of another shape?
How are the {objects} shaped?
* Can you tell me the shape of the {objects}?
* What do the {objects} look like in shape?

[describe]
Describe this micrograph.
Describe the image.
Describe this region.
What does this picture show?
Write a caption.
Give a short description.
Summarise what you see.
Describe what is shown here.
Caption this image.
Give me a summary of this picture.
Tell me about this image.
* What do you see in this micrograph? Describe it.
* Put this micrograph into one sentence.

[is sample]
Is this a picture of {category}?
Does this show {category}?
Is this {category}?
Are these {category}?
Does the sample belong to {category}?
Is the category {category}?
Am I looking at {category}?
Does this micrograph show {category}?
* Would you say this shows {category}?
* Could this be {category}?
"""
"""Kinds of question in brackets, with their phrasings."""
