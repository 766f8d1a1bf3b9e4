"""Animation maths on numpy arrays, without bpy."""
