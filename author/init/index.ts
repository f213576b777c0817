/** A new project, from a template. */
export { initProject, type NewProject } from "./init.ts";
export { checkName, nameOf } from "./name.ts";
export { SHAPE_WORDS, SHAPES, type Shape, shapesOf } from "./shape.ts";
export { checkFree } from "./write.ts";
